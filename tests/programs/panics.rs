//! The programs that `one_line.rs` runs, for what they say of panics: the arguments say which.
//!
//! Their stdout has the events of the tree, and what a subscriber is told; their stderr is as it is.

use std::fmt::Debug;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::time::Duration;
use std::{env, future, thread};

use heir_runtime::by_hand::{Cast, Handlers, Message, ReplyGate, Worker};
use heir_runtime::events::{self, Event, EventKind};
use heir_runtime::links::Down;
use heir_runtime::prelude::*;
use heir_runtime::{AfterQuarantine, Exit, SupervisorBuilder, Verdict, testing};
use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// Panics wherever it is asked to.
#[heir]
struct Loud {
    #[table]
    rows: Table<u8, Fragile>,
    #[table(keep, init = counted())]
    count: u8,
    #[arg]
    fails: Fails,
    rest: Option<Breaks>,
}

/// Which hook panics.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Fails {
    #[default]
    Nowhere,
    Transfer,
    Start,
    Stop,
}

/// Its destructor panics.
struct Breaks;

impl Drop for Breaks {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

/// A row whose destructor panics.
#[derive(Clone)]
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("in a row");
    }
}

/// Told when a handler hangs.
static HANGS: Notify = Notify::const_new();

/// What `init` is.
fn counted() -> u8 {
    assert!(!is_asked("init"), "in init");
    0
}

#[handlers]
impl Loud {
    #[on(transfer)]
    fn transfer(&mut self) {
        assert!(self.fails != Fails::Transfer, "in a transfer");
    }

    #[on(start)]
    async fn start(&mut self, cx: &mut Context<Self>) {
        yield_now().await;
        assert!(self.fails != Fails::Start || cx.incarnation() > 1, "in a start");
    }

    #[on(stop)]
    fn stop(&mut self) {
        assert!(self.fails != Fails::Stop, "in a stop");
    }

    #[on(down)]
    fn down(&mut self, _down: &Down) {
        panic!("in a down");
    }

    #[on(verify)]
    fn verify(_tables: &mut LoudTables, _exit: &Exit) -> Verdict {
        assert!(!is_asked("verify"), "in a verify");
        Verdict::Accept
    }

    fn die(&mut self) {
        panic!("asked to die");
    }

    fn compare(&mut self) {
        assert_eq!(self.count, 7, "the counts\tdiffer");
    }

    fn raise(&mut self) {
        panic_any(7_u8);
    }

    async fn die_later(&mut self) {
        yield_now().await;
        panic!("asked to die later");
    }

    fn catch(&mut self) -> bool {
        catch_unwind(|| panic!("caught by hand")).is_err()
    }

    fn catch_and_die(&mut self) {
        let _ = catch_unwind(|| panic!("caught by hand"));
        panic!("asked to die");
    }

    /// As one does with the panic of another task.
    fn pass_on(&mut self) {
        resume_unwind(Box::new("passed on"));
    }

    async fn join(&mut self) {
        let other = tokio::spawn(async { panic!("in a task of the user's") });
        assert!(other.await.is_err());
    }

    fn die_twice(&mut self) {
        let _breaks = Breaks;
        panic!("asked to die");
    }

    fn keep_what_breaks(&mut self) {
        self.rest = Some(Breaks);
        panic!("asked to die");
    }

    fn write_and_die(&mut self) {
        self.rows.insert(1, Fragile);
        panic!("asked to die");
    }

    #[cast]
    async fn hang(&mut self) {
        let _breaks = Breaks;
        HANGS.notify_one();
        future::pending().await
    }

    fn follow(&mut self, cx: &mut Context<Self>) {
        cx.after_commit(|| panic!("after the commit"));
    }

    #[cast]
    fn attach(&mut self, cx: &mut Context<Self>) {
        cx.spawn("reader", async {
            yield_now().await;
            panic!("in a task");
        });
    }

    fn watch(&mut self, cx: &mut Context<Self>, other: LoudHandle) {
        let _ = cx.monitor(&other);
    }

    fn tie(&mut self, cx: &mut Context<Self>, other: LoudHandle) {
        cx.link(&other);
    }
}

/// Its handler is no `async fn`: nobody but tokio catches its panic.
struct Handmade;

struct Wake(Cast<()>);

impl Message for Wake {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        &mut self.0
    }

    fn name(&self) -> &'static str {
        "wake"
    }
}

impl Worker for Handmade {
    const NAME: &'static str = "handmade";
    type Tables = ();
    type Args = ();
    type Saved = ();

    fn create(
        _args: (),
        _readers: heir_runtime::table::Readers,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        future::ready(Ok(()))
    }

    fn incarnate(_args: ()) -> impl FnOnce(()) -> Self + Send + 'static {
        |()| Self
    }

    fn dismantle(self) -> ((), impl Send + 'static) {
        ((), ())
    }

    fn save(&self) {}

    fn restore(_tables: &mut (), _saved: &mut ()) {}
}

impl Handlers for Handmade {
    type Message = Wake;
    type Handle = Handle<Self>;

    fn handle(&mut self, _message: &mut Wake, _cx: &mut Context<Self>) -> impl Future<Output = ()> + Send {
        assert!(!is_asked("by hand"), "asked to die");
        future::ready(())
    }
}

/// Prints what it is told, with its level.
struct Prints;

struct Words(String);

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{}", value.lines().next().unwrap_or_default()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.0.insert_str(0, &format!("{value:?}")),
            "backtrace" => self.0.push_str(", with a backtrace"),
            _ => {}
        }
    }
}

impl Subscriber for Prints {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "heir"
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        if is_asked("hostile") {
            panic!("in a subscriber");
        }
        let mut words = Words(String::new());
        event.record(&mut words);
        println!("{} {}", event.metadata().level(), words.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Whether an argument of the program says so.
fn is_asked(what: &str) -> bool {
    env::args().skip(1).any(|arg| arg == what)
}

/// Prints the events that have to do with deaths.
fn print(event: &Event) {
    match event.kind {
        EventKind::Panicked { .. } if is_asked("hostile observer") => panic!("in an observer"),
        EventKind::Panicked { .. }
        | EventKind::Regained { .. }
        | EventKind::CodePanicked { .. }
        | EventKind::Quarantined { .. }
        | EventKind::Restarting { .. } => println!("{event}"),
        _ => {}
    }
}

fn app() -> SupervisorBuilder {
    let app = Supervisor::builder("app").intensity(u32::MAX);
    if is_asked("unobserved") { app } else { app.observe(print) }
}

fn loud(name: &str, fails: Fails) -> Spec<Loud> {
    Loud::spec(fails).name(name).quarantine(AfterQuarantine::Fresh)
}

/// Starts a worker, has it do this, and waits until it serves again.
async fn dies(spec: Spec<Loud>, does: impl AsyncFnOnce(&LoudHandle)) -> Result<(), BoxError> {
    let mut tree = app();
    let loud = tree.worker(spec);
    let tree = tree.start().await?;
    does(&loud).await;
    loud.wait_serving(2).await?;
    tree.shutdown().await;
    Ok(())
}

/// Starts a worker, and has it do this, of which it does not die.
async fn lives(fails: Fails, does: impl AsyncFnOnce(&LoudHandle)) -> Result<(), BoxError> {
    let mut tree = app();
    let loud = tree.worker(loud("loud", fails));
    let tree = tree.start().await?;
    does(&loud).await;
    tree.shutdown().await;
    Ok(())
}

/// Starts a worker that does not start.
async fn does_not_start(spec: Spec<Loud>) -> Result<(), BoxError> {
    let mut tree = app();
    tree.worker(spec);
    assert!(tree.start().await.is_err());
    Ok(())
}

async fn run(which: &str) -> Result<(), BoxError> {
    let plain = || loud("loud", Fails::Nowhere);
    match which {
        "die" => dies(plain(), async |loud| _ = loud.die().await).await,
        "compare" => dies(plain(), async |loud| _ = loud.compare().await).await,
        "raise" => dies(plain(), async |loud| _ = loud.raise().await).await,
        "die later" => dies(plain(), async |loud| _ = loud.die_later().await).await,
        "die in time" => {
            let spec = plain().handler_timeout(Duration::from_secs(60)).heartbeat(Duration::from_secs(60));
            dies(spec, async |loud| _ = loud.die_later().await).await
        }
        "catch" => lives(Fails::Nowhere, async |loud| assert!(loud.catch().await.unwrap())).await,
        "catch and die" => dies(plain(), async |loud| _ = loud.catch_and_die().await).await,
        "pass on" => dies(plain(), async |loud| _ = loud.pass_on().await).await,
        "join" => lives(Fails::Nowhere, async |loud| loud.join().await.unwrap()).await,
        "die twice" => dies(plain(), async |loud| _ = loud.die_twice().await).await,
        "keep what breaks" => dies(plain(), async |loud| _ = loud.keep_what_breaks().await).await,
        "write and die" => dies(plain(), async |loud| _ = loud.write_and_die().await).await,
        "hang" => {
            let hangs = async |loud: &LoudHandle| {
                loud.hang().await.unwrap();
                HANGS.notified().await;
                loud.kill();
            };
            dies(plain(), hangs).await
        }
        "follow" => dies(plain(), async |loud| _ = loud.follow().await).await,
        "attach" => dies(plain(), async |loud| loud.attach().await.unwrap()).await,
        "transfer" => does_not_start(loud("loud", Fails::Transfer)).await,
        "start" => does_not_start(loud("loud", Fails::Start)).await,
        "stop" => lives(Fails::Stop, async |_| {}).await,
        "verify" => dies(plain(), async |loud| _ = loud.die().await).await,
        "init" => does_not_start(plain()).await,
        "by hand" => {
            let mut tree = app();
            let handmade = tree.worker(Spec::<Handmade>::new(()));
            let tree = tree.start().await?;
            handmade.cast((), Wake).await?;
            handmade.wait_serving(2).await?;
            tree.shutdown().await;
            Ok(())
        }
        "down" | "link" => {
            let mut tree = app();
            let [first, second] = ["first", "second"].map(|name| tree.worker(loud(name, Fails::Nowhere)));
            let tree = tree.start().await?;
            if which == "down" {
                first.watch(second.clone()).await?;
            } else {
                first.tie(second.clone()).await?;
            }
            let _ = second.die().await;
            first.wait_serving(2).await?;
            second.wait_serving(2).await?;
            tree.shutdown().await;
            Ok(())
        }
        "many" => {
            let mut tree = app();
            let many: Vec<_> =
                (0..50).map(|n| tree.worker(loud(&format!("loud {n}"), Fails::Nowhere))).collect();
            let tree = tree.start().await?;
            let deaths = many.iter().cloned().map(|loud| {
                tokio::spawn(async move {
                    for incarnation in 2..=11 {
                        assert!(loud.die_later().await.is_err());
                        loud.wait_serving(incarnation).await.unwrap();
                    }
                })
            });
            for death in deaths.collect::<Vec<_>>() {
                death.await?;
            }
            tree.shutdown().await;
            Ok(())
        }
        "elsewhere" => {
            assert!(tokio::spawn(async { panic!("in a task of the program") }).await.is_err());
            assert!(thread::spawn(|| panic!("in a thread")).join().is_err());
            Ok(())
        }
        "begun before" => {
            let mut tree = app();
            let loud = tree.worker(plain());
            let tree = tree.start().await?;
            events::report_panics();
            assert!(loud.die().await.is_err());
            loud.wait_serving(2).await?;
            assert!(loud.die_later().await.is_err());
            loud.wait_serving(3).await?;
            tree.shutdown().await;
            Ok(())
        }
        _ => Err("there is no such program".into()),
    }
}

fn main() -> Result<(), BoxError> {
    let which = env::args().nth(1).ok_or("which program?")?;
    if is_asked("traced") {
        tracing::subscriber::set_global_default(Prints)?;
    }
    if is_asked("quiet first") {
        testing::quiet_panics();
    }
    if is_asked("a line") {
        events::report_panics();
        events::report_panics();
    }
    if is_asked("quiet last") {
        testing::quiet_panics();
    }
    let mut builder = if which == "many" {
        runtime::Builder::new_multi_thread()
    } else {
        runtime::Builder::new_current_thread()
    };
    builder.worker_threads(4).enable_time().build()?.block_on(run(&which))
}
