//! A worker whose every type panics in every method, at every point of a life.
//!
//! One whole life is scripted: start, messages of each kind, deaths of each kind, redelivery, hooks, links, timers, pause,
//! quarantine, terminate and restart, shutdown with a full mailbox, claim. It is lived again and again, and the n-th call of
//! user code panics in it, for n = 0, 1, 2.. until a life is over before its turn comes.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use heir_runtime::by_hand::{Call, Cast, Handlers, Message, MessageArgs, ReplyGate, Worker};
use heir_runtime::estate::{ClaimError, Examined, TransferInfo};
use heir_runtime::links::{Down, ExitSignal};
use heir_runtime::table::{AnyTables, Commit, Readers, any, rows_first};
use heir_runtime::{
    AfterQuarantine, BoxError, CallError, Context, ExitReason, Handle, OrderedTable, Spec, Supervisor, Table,
    Verdict,
};
use heir_tests::fuse::{self, Touchy, tick};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::subscribers::Hostile;
use super::wakers::hostile;

/// Everything of it is the user's: its tables and their rows, arguments, messages, errors, handle.
struct Sapper {
    tables: SapperTables,
    arg: Touchy,
}

struct SapperTables {
    set: Table<Touchy, Touchy>,
    sorted: OrderedTable<Touchy, Touchy>,
    count: Touchy,
    kept: Touchy,
}

thread_local! {
    /// Whether the message that dies the first time it is served has done so.
    static HAS_DIED: Cell<bool> = const { Cell::new(false) };
}

impl Worker for Sapper {
    const NAME: &'static str = "Sapper";
    type Tables = SapperTables;
    type Args = Touchy;
    type Saved = Touchy;

    fn readers() -> Readers {
        tick();
        Readers::from([rows_first::<Table<Touchy, Touchy>>(), rows_first::<OrderedTable<Touchy, Touchy>>()])
    }

    fn recorded(tables: &mut SapperTables) -> AnyTables<'_> {
        tick();
        vec![any(&mut tables.set), any(&mut tables.sorted)]
    }

    fn create(arg: Touchy, readers: Readers) -> impl Future<Output = Result<SapperTables, BoxError>> + Send {
        tick();
        async move {
            tokio::task::yield_now().await;
            drop(arg);
            Ok(SapperTables {
                set: readers.open(0),
                sorted: readers.open(1),
                count: Touchy(0),
                kept: Touchy(0),
            })
        }
    }

    fn incarnate(arg: Touchy) -> impl FnOnce(SapperTables) -> Self + Send + 'static {
        tick();
        move |tables| Self { tables, arg }
    }

    fn dismantle(self) -> (SapperTables, impl Send + 'static) {
        (self.tables, self.arg)
    }

    fn save(&self) -> Touchy {
        self.tables.count.clone()
    }

    fn commit(&mut self, commit: Commit<'_>) {
        tick();
        commit.all(&mut [any(&mut self.tables.set), any(&mut self.tables.sorted)]);
    }

    fn restore(tables: &mut SapperTables, saved: &mut Touchy) {
        tick();
        std::mem::swap(&mut tables.count, saved);
    }
}

enum SapperMessage {
    Put(Call<(Touchy,), Touchy>),
    PutOnce(Call<(Touchy,), Touchy>),
    Note(Cast<(Touchy,)>),
    Die(Call<(Touchy,), Touchy>),
    Fail(Cast<(Touchy,)>),
}

impl Message for SapperMessage {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        tick();
        match self {
            Self::Put(call) | Self::PutOnce(call) | Self::Die(call) => call,
            Self::Note(cast) | Self::Fail(cast) => cast,
        }
    }

    fn name(&self) -> &'static str {
        tick();
        "sapper"
    }
}

impl Sapper {
    /// The same in both tables.
    async fn write(&mut self, key: &Touchy) {
        self.tables.set.insert(key.clone(), key.clone());
        tokio::task::yield_now().await;
        self.tables.sorted.insert(key.clone(), key.clone());
        self.tables.count += Touchy(1);
        self.tables.kept = Touchy(key.0);
    }
}

impl Handlers for Sapper {
    type Message = SapperMessage;
    type Handle = SapperHandle;

    const TRAPS_EXITS: bool = true;

    fn handle(
        &mut self,
        message: &mut SapperMessage,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = ()> + Send {
        tick();
        async move {
            match message {
                SapperMessage::Put(call) => {
                    let (key,) = call.take_args();
                    self.write(&key).await;
                    call.keep(key);
                }
                SapperMessage::PutOnce(call) => {
                    let (key,) = call.take_args();
                    self.write(&key).await;
                    if !HAS_DIED.replace(true) {
                        fuse::die();
                    }
                    call.keep(key);
                }
                SapperMessage::Note(cast) => {
                    let (key,) = cast.take_args();
                    self.write(&key).await;
                    cx.commit(self);
                }
                SapperMessage::Die(call) => {
                    let (key,) = call.take_args();
                    self.write(&key).await;
                    fuse::die();
                }
                SapperMessage::Fail(cast) => {
                    let (key,) = cast.take_args();
                    cx.fail(key);
                }
            }
        }
    }

    fn verify(tables: &mut SapperTables, examined: &Examined) -> Verdict {
        tick();
        tables.set.insert(Touchy(200), Touchy(200));
        tables.sorted.insert(Touchy(200), Touchy(200));
        if examined.exit().is_some_and(|exit| exit.reason.to_string().contains("spoilt")) {
            Verdict::quarantine(Touchy(9))
        } else {
            Verdict::Accept
        }
    }

    async fn on_transfer(&mut self, _: &TransferInfo, _: &mut Context<Self>) -> Result<(), BoxError> {
        tick();
        Ok(())
    }

    async fn on_start(&mut self, cx: &mut Context<Self>) -> Result<(), BoxError> {
        self.write(&Touchy(201)).await;
        let captured = Touchy(1);
        cx.send_after(Duration::from_secs(1), move |handle| {
            tick();
            drop(captured);
            async move { drop(handle.0.cast((Touchy(202),), SapperMessage::Note).await) }
        });
        let captured = Touchy(2);
        cx.spawn("idle", async move {
            std::future::pending::<()>().await;
            drop(captured);
        });
        Ok(())
    }

    async fn on_stop(&mut self, _: &ExitReason, _: &mut Context<Self>) {
        tick();
        self.write(&Touchy(203)).await;
    }

    async fn on_exit(&mut self, signal: &ExitSignal, _: &mut Context<Self>) -> Result<(), BoxError> {
        tick();
        if signal.reason == ExitReason::Normal {
            return Ok(());
        }
        // Its words are asked for by the runtime.
        if signal.reason.to_string().contains("spoilt") {
            Err("spoilt".into())
        } else {
            Err(Box::new(Touchy(8)))
        }
    }

    async fn on_down(&mut self, _: &Down, _: &mut Context<Self>) -> Result<(), BoxError> {
        tick();
        Ok(())
    }
}

struct SapperHandle(Handle<Sapper>, Touchy);

impl From<Handle<Sapper>> for SapperHandle {
    fn from(handle: Handle<Sapper>) -> Self {
        tick();
        Self(handle, Touchy(3))
    }
}

impl Clone for SapperHandle {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

/// How a life ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Shutdown,
    /// With the tokio runtime, wherever everything stands.
    Runtime,
}

/// What a caller has heard: `None` if its own waker panicked in its own task.
type Heard = Option<Reply>;

type Reply = Result<u8, CallError<(Touchy,)>>;

/// Callers whose every waker and reply may panic.
#[derive(Default)]
struct Callers(Vec<(u8, JoinHandle<Reply>)>);

impl Callers {
    fn send(&mut self, to: &Handle<Sapper>, n: u8, message: fn(Call<(Touchy,), Touchy>) -> SapperMessage) {
        let to = to.clone();
        let call = async move { to.call((Touchy(n),), message).await.map(|reply| reply.0) };
        self.0.push((n, tokio::spawn(hostile(call, tick))));
    }

    fn send_again(&mut self, to: &Handle<Sapper>, n: u8) {
        let to = to.clone();
        let call = async move {
            to.call(MessageArgs::redeliver((Touchy(n),), 2), SapperMessage::PutOnce)
                .await
                .map(|reply| reply.0)
        };
        self.0.push((n, tokio::spawn(hostile(call, tick))));
    }

    async fn heard(self) -> Vec<(u8, Heard)> {
        let mut heard = Vec::new();
        for (n, call) in self.0 {
            heard.push((n, in_time("a caller", call).await.ok()));
        }
        heard
    }
}

/// Bounded in virtual time: an hour is longer than everything here together, and nobody sleeps in it for nothing.
async fn in_time<F: Future>(who: &str, work: F) -> F::Output {
    timeout(Duration::from_secs(3600), work).await.unwrap_or_else(|_| panic!("{who} is left waiting"))
}

/// One step of the script, in a task of its own: what panics there is the user's own affair.
async fn step<F: Future<Output: Send> + Send + 'static>(who: &'static str, work: F) {
    drop(in_time(who, tokio::spawn(hostile(async move { drop(work.await) }, tick))).await);
}

/// What is left when a life is over.
struct Left {
    worker: Handle<Sapper>,
    callers: Callers,
}

/// Lives one life. `None` if it did not even begin.
async fn live(end: End) -> Option<(Left, Option<Supervisor>)> {
    let mut tree = Supervisor::builder("app").intensity(20).observe({
        let captured = Touchy(4);
        move |_| {
            let _ = &captured;
            tick();
        }
    });
    // The user's own calls, and so the user's own panics.
    let built = catch_unwind(AssertUnwindSafe(|| {
        let captured = Touchy(5);
        let spec = Spec::<Sapper>::new(Touchy(6))
            .quarantine(AfterQuarantine::Fresh)
            .registered("sapper")
            .on_undelivered(move |message| {
                let _ = &captured;
                drop(message);
                tick();
            });
        let second = spec.clone().name("second").registered("second");
        (tree.worker(spec).0.clone(), tree.worker(second).0.clone())
    }));
    let (worker, second) = built.ok()?;
    let mut callers = Callers::default();
    callers.send(&worker, 1, SapperMessage::Put);
    let started = in_time("the start", tree.start()).await;
    let Ok(tree) = started else { return Some((Left { worker, callers }, None)) };

    let w = worker.clone();
    step("a call", async move { w.call((Touchy(2),), SapperMessage::Put).await }).await;
    let w = worker.clone();
    step("a cast", async move { w.cast((Touchy(3),), SapperMessage::Note).await }).await;
    callers.send_again(&worker, 4);
    callers.send(&worker, 5, SapperMessage::Die);
    callers.send(&worker, 6, SapperMessage::Put);
    let w = worker.clone();
    step("a cast that fails", async move { w.cast((Touchy(7),), SapperMessage::Fail).await }).await;
    let w = worker.clone();
    step("a call after it", async move { w.call((Touchy(8),), SapperMessage::Put).await }).await;
    // Death from outside, monitored, and a call whose caller goes away.
    let down = tokio::spawn(hostile(worker.monitor(), tick));
    let w = worker.clone();
    let gone =
        tokio::spawn(hostile(async move { w.call((Touchy(9),), SapperMessage::Put).await.map(drop) }, tick));
    tokio::task::yield_now().await;
    gone.abort();
    worker.kill();
    drop(in_time("a monitor", down).await);
    worker.exit(ExitReason::error("a signal"));
    let w = worker.clone();
    step("a call behind a signal", async move { w.call((Touchy(10),), SapperMessage::Put).await }).await;
    worker.exit(ExitReason::error("spoilt"));
    let w = worker.clone();
    step("a call behind a quarantine", async move { w.call((Touchy(11),), SapperMessage::Put).await }).await;
    let w = worker.clone();
    step("a pause", async move { w.pause().await }).await;
    callers.send(&worker, 12, SapperMessage::Put);
    worker.resume();
    worker.kill_manager();
    let w = worker.clone();
    step("a restart", async move { w.restart().await }).await;
    // Its timers.
    sleep(Duration::from_secs(2)).await;
    let supervisor = (*tree).clone();
    step("a terminate", async move { supervisor.terminate_child("Sapper").await }).await;
    callers.send(&worker, 13, SapperMessage::Put);
    let supervisor = (*tree).clone();
    step("a restart of a child", async move { supervisor.restart_child("Sapper").await }).await;
    let w = second.clone();
    step("a stop", async move { w.stop().await }).await;
    let supervisor = (*tree).clone();
    step("a deletion", async move { supervisor.delete_child("second").await }).await;
    drop(second);
    let w = worker.clone();
    step("a pause before the end", async move { w.pause().await }).await;
    callers.send(&worker, 14, SapperMessage::Put);
    callers.send_again(&worker, 15);
    for n in 16..18 {
        let w = worker.clone();
        step("a cast that is not delivered", async move { w.cast((Touchy(n),), SapperMessage::Note).await })
            .await;
    }
    if end == End::Runtime {
        worker.resume();
        tokio::task::yield_now().await;
        return Some((Left { worker, callers }, Some(tree)));
    }
    in_time("the shutdown", tree.shutdown()).await;
    Some((Left { worker, callers }, None))
}

/// What the two tables of a worker hold.
fn rows(tables: &SapperTables) -> (Vec<u8>, Vec<u8>) {
    let mut set: Vec<u8> = tables.set.keys().map(|key| key.0).collect();
    set.sort_unstable();
    (set, tables.sorted.keys().map(|key| key.0).collect())
}

/// Lives a life in which user code panics from its n-th call on, so many times. Whether its turn came.
fn survives(n: u32, panics: u32, end: End) -> bool {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    HAS_DIED.set(false);
    fuse::light(n, panics);
    let lived = runtime.block_on(live(end));
    let Some((Left { worker, callers }, tree)) = lived else { return fuse::put_out() };
    let runtime = match end {
        End::Shutdown => runtime,
        End::Runtime => {
            drop(runtime);
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
        }
    };
    drop(tree);
    runtime.block_on(in_time("whoever waits for the end", worker.wait_stopped()));
    let heard = runtime.block_on(callers.heard());
    let parked = worker.take_quarantined();
    let claimed = match worker.estate().claim("test") {
        Ok(lease) => Some(lease),
        Err(ClaimError::NotFounded) => None,
        Err(error) => panic!("call {n}: the tables are not at home: {error}"),
    };
    fuse::without(|| {
        let mut all = Vec::new();
        let mut is_torn = false;
        let claimed_torn = claimed.as_ref().and_then(|lease| lease.torn());
        let claimed = claimed.as_ref().map(|lease| (&**lease, claimed_torn));
        let parked = parked.iter().map(|parked| {
            let torn = parked.reason.contains("could not be undone").then(|| parked.reason.clone());
            (&parked.tables, torn)
        });
        for (tables, torn) in parked.chain(claimed) {
            let (set, sorted) = rows(tables);
            is_torn |= torn.is_some();
            assert!(torn.is_some() || set == sorted, "call {n}: a message is torn: {set:?}, {sorted:?}");
            all.extend(set);
        }
        for (key, heard) in &heard {
            match heard {
                Some(Ok(_)) => {
                    assert!(all.contains(key), "call {n}: {key} was answered, and is lost: {all:?}")
                }
                Some(Err(CallError::Died { .. })) => {
                    assert!(
                        is_torn || !all.contains(key),
                        "call {n}: {key} died, and was not undone: {all:?}"
                    );
                }
                Some(Err(_)) | None => {}
            }
        }
    });
    // What is taken out is the user's. What is not is the runtime's, and hurts nobody who lets go of it last.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(parked)));
    drop(claimed);
    drop(worker);
    let burnt = fuse::put_out();
    drop(heard);
    burnt
}

/// Each life in which user code panics from its n-th call on, for each n that `step` divides. How many there were.
fn every_life(step: u32, panics: u32, end: End) -> u32 {
    let _guard = Hostile::listens(tick);
    fuse::burn_all(|n| survives(n * step, panics, end))
}

#[test]
fn a_life_survives_user_code_that_panics_once_at_any_point_of_it() {
    let lives = every_life(1, 1, End::Shutdown);
    assert!(lives > 500, "only {lives} calls of user code in a life");
}

#[test]
fn a_life_survives_user_code_that_panics_three_times_in_a_row_at_any_point_of_it() {
    every_life(3, 3, End::Shutdown);
}

#[test]
fn a_life_survives_user_code_that_panics_for_ever_from_any_point_of_it_on() {
    // Whatever comes first, everything behind it panics, too: so not each by itself.
    every_life(7, u32::MAX, End::Shutdown);
}

#[test]
fn a_runtime_that_ends_leaves_nobody_waiting_wherever_user_code_panics() {
    every_life(3, 1, End::Runtime);
}
