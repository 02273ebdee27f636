//! What the manager says of the tables holds, once for each end: also beside a hook that writes, torn tables, and a kill.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heir_runtime::by_hand::{Call, Handlers, Message, ReplyGate, Worker};
use heir_runtime::estate::Examined;
use heir_runtime::events::Role;
use heir_runtime::table::{AnyTables, Commit, Readers, any, rows_first};
use heir_runtime::{
    AfterQuarantine, Backoff, BoxError, Context, Exit, ExitReason, Handle, OrderedTable, Spec, Stopped,
    Table, Verdict, handlers, heir,
};
use heir_tests::fuse::{Fuse, Mine};
use heir_tests::{Recorder, event, fuse};
use tokio::sync::Notify;

/// Its verify hook writes before it refuses, as the exit says.
#[heir]
struct Meddled {
    #[table]
    rows: Table<&'static str, u32>,
}

#[handlers]
impl Meddled {
    #[on(verify)]
    fn verify(tables: &mut MeddledTables, exit: &Exit) -> Verdict {
        let words = exit.reason.to_string();
        if words == "killed" {
            return Verdict::Accept;
        }
        tables.rows.insert("row", 100);
        tables.rows.insert("hook", 100);
        assert!(words != "panic: panic", "behind its writes");
        Verdict::quarantine("asked to")
    }

    fn put(&mut self, key: &'static str) {
        self.rows.insert(key, 1);
    }

    #[cast]
    fn die(&mut self, words: String) {
        self.rows.insert("dead", 1);
        panic!("{words}");
    }
}

#[tokio::test]
async fn parked_tables_are_without_the_writes_of_the_verify_hook_that_refuses_them() {
    for words in ["refuse", "panic"] {
        let (mut tree, _) = Recorder::tree();
        let worker = tree.worker(Meddled::spec().quarantine(AfterQuarantine::Fresh));
        let tree = tree.start().await.unwrap();
        worker.put("row").await.unwrap();
        worker.die(words.into()).await.unwrap();
        worker.put("fresh").await.unwrap();
        let parked = worker.take_quarantined().pop().unwrap();
        let rows = (parked.tables.rows.get("row"), parked.tables.rows.len());
        assert_eq!(rows, (Some(1), 1), "{words}: {}", parked.reason);
        assert_eq!((worker.rows().get("fresh"), worker.rows().len()), (Some(1), 1), "{words}");
        tree.shutdown().await;
    }
}

#[tokio::test]
async fn tables_of_a_worker_that_quarantine_stops_are_without_the_writes_of_the_hook_that_refused_them() {
    for words in ["refuse", "panic"] {
        let (mut tree, _) = Recorder::tree();
        let worker = tree.worker(Meddled::spec().quarantine(AfterQuarantine::Stop));
        let tree = tree.start().await.unwrap();
        worker.put("row").await.unwrap();
        worker.die(words.into()).await.unwrap();
        assert!(matches!(worker.wait_stopped().await, Stopped::Quarantined(_)), "{words}");
        let tables = worker.estate().claim("test").unwrap();
        assert_eq!((tables.rows.get("row"), tables.rows.len()), (Some(1), 1), "{words}");
        tree.shutdown().await;
    }
}

/// Written by hand: while a fuse is lit, what has been written cannot be undone. It has nothing to be
/// dropped, and its idle death nothing to be settled.
struct Torn {
    tables: TornTables,
}

struct TornTables {
    rows: Table<u32, u32>,
    fuses: Fuses,
}

#[derive(Clone, Default)]
struct Fuses {
    restore: Arc<Fuse>,
    /// While it is lit, the verify hook refuses the tables, and they cannot be listed.
    list: Arc<Fuse>,
}

impl Worker for Torn {
    const NAME: &'static str = "Torn";
    type Tables = TornTables;
    type Args = Fuses;
    type Saved = ();

    fn readers() -> Readers {
        Readers::from([rows_first::<Table<u32, u32>>()])
    }

    fn recorded(tables: &mut TornTables) -> AnyTables<'_> {
        tables.fuses.list.pass("the list");
        vec![any(&mut tables.rows)]
    }

    async fn create(fuses: Fuses, readers: Readers) -> Result<TornTables, BoxError> {
        Ok(TornTables { rows: readers.open(0), fuses })
    }

    fn incarnate(_fuses: Fuses) -> impl FnOnce(TornTables) -> Self + Send + 'static {
        |tables| Self { tables }
    }

    fn dismantle(self) -> (TornTables, impl Send + 'static) {
        (self.tables, ())
    }

    fn save(&self) {}

    fn commit(&mut self, commit: Commit<'_>) {
        commit.all(&mut [any(&mut self.tables.rows)]);
    }

    fn restore(tables: &mut TornTables, _saved: &mut ()) {
        tables.fuses.restore.pass("restore");
    }
}

enum TornMessage {
    Put(Call<(u32,), usize>),
    Tear(Call<(u32,), usize>),
}

impl Message for TornMessage {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        match self {
            Self::Put(call) | Self::Tear(call) => call,
        }
    }

    fn name(&self) -> &'static str {
        "put"
    }
}

impl Handlers for Torn {
    type Message = TornMessage;
    type Handle = Handle<Self>;

    fn verify(tables: &mut TornTables, _examined: &Examined) -> Verdict {
        if tables.fuses.list.is_lit() { Verdict::quarantine("asked to") } else { Verdict::Accept }
    }

    async fn handle(&mut self, message: &mut TornMessage, _cx: &mut Context<Self>) {
        match message {
            TornMessage::Put(call) => {
                let (key,) = call.take_args();
                self.tables.rows.insert(key, 1);
                call.keep(self.tables.rows.len());
            }
            TornMessage::Tear(call) => {
                let (key,) = call.take_args();
                self.tables.rows.insert(key, 1);
                self.tables.fuses.restore.light();
                panic!("with a lit fuse");
            }
        }
    }
}

#[tokio::test]
async fn torn_tables_are_parked_and_the_fresh_ones_are_not_marked_torn() {
    let (mut tree, _) = Recorder::tree();
    let fuses = Fuses::default();
    let worker = tree.worker(Spec::<Torn>::new(fuses.clone()).quarantine(AfterQuarantine::Fresh));
    let tree = tree.start().await.unwrap();
    let put = async |key| worker.call((key,), TornMessage::Put).await.unwrap();
    assert_eq!(put(1).await, 1);
    worker.call((2,), TornMessage::Tear).await.unwrap_err();
    worker.wait_serving(2).await.unwrap();
    fuses.restore.put_out();
    let parked = worker.take_quarantined().pop().unwrap();
    assert_eq!(parked.reason.as_ref(), "its last message could not be undone: in restore");
    assert_eq!((parked.tables.rows.get(&1), parked.tables.rows.get(&2)), (Some(1), None));
    assert_eq!(put(3).await, 1);
    // Idle: there is nothing to undo, and nothing that would say anew whether it could be.
    worker.kill();
    worker.wait_serving(3).await.unwrap();
    assert_eq!((worker.quarantined(), put(4).await), (0, 2));
    tree.shutdown().await;
    assert_eq!(worker.estate().claim("test").unwrap().torn(), None);
}

#[tokio::test]
async fn tables_with_writes_of_a_verify_hook_that_cannot_be_undone_are_marked_torn() {
    let (mut tree, _) = Recorder::tree();
    let fuses = Fuses::default();
    let worker = tree.worker(Spec::<Torn>::new(fuses.clone()).quarantine(AfterQuarantine::Stop));
    let tree = tree.start().await.unwrap();
    assert_eq!(worker.call((1,), TornMessage::Put).await.unwrap(), 1);
    fuses.list.light();
    worker.kill();
    assert!(matches!(worker.wait_stopped().await, Stopped::Quarantined(_)));
    fuses.list.put_out();
    assert_eq!(worker.estate().claim("test").unwrap().torn().as_deref(), Some("in the list"));
    tree.shutdown().await;
}

/// Its tables are made anew after each death.
#[heir]
struct Renewed {
    #[table(keep, init = Mine(fuse))]
    _mine: Mine,
    #[arg]
    fuse: Arc<Fuse>,
}

#[handlers]
impl Renewed {
    #[on(verify)]
    fn verify(_tables: &mut RenewedTables, _exit: &Exit) -> Verdict {
        Verdict::Reset
    }
}

#[tokio::test]
async fn a_destructor_of_tables_that_are_made_anew_ends_no_manager() {
    let (mut tree, recorder) = Recorder::tree();
    let fuse = Arc::new(Fuse::new());
    let worker = tree.worker(Renewed::spec(Arc::clone(&fuse)));
    let tree = tree.start().await.unwrap();
    fuse.light();
    worker.kill();
    worker.wait_serving(2).await.unwrap();
    fuse.put_out();
    assert_eq!(recorder.count(event!(CodePanicked { message, .. } if &**message == "in a destructor")), 1);
    assert_eq!(recorder.count(event!(Restarting { role: Role::Manager, .. })), 0);
    tree.shutdown().await;
}

/// Its rows are a user's own in all that they do, and are made anew after each death.
#[heir(quarantine = fresh)]
struct Refilled {
    #[table(init = (100..104).map(|n| (fuse::Touchy(n), 1)))]
    rows: Table<fuse::Touchy, u32>,
    #[table(init = (100..104).map(|n| (fuse::Touchy(n), 1)))]
    sorted: OrderedTable<fuse::Touchy, u32>,
}

#[handlers]
impl Refilled {
    #[on(verify)]
    fn verify(_tables: &mut RefilledTables, _exit: &Exit) -> Verdict {
        Verdict::Reset
    }

    fn put(&mut self, n: u8) {
        self.rows.insert(fuse::Touchy(n), 1);
        self.sorted.insert(fuse::Touchy(n), 1);
    }
}

#[tokio::test]
async fn tables_are_made_anew_in_the_end_whatever_panics_on_the_way() {
    let mut turn = 0;
    loop {
        let (mut tree, _) = Recorder::tree();
        let worker = tree.worker(Refilled::spec());
        let tree = tree.start().await.unwrap();
        worker.put(1).await.unwrap();
        fuse::light(turn, 1);
        worker.kill();
        worker.wait_serving(2).await.unwrap();
        let burnt = fuse::put_out();
        assert_eq!(worker.quarantined(), 0, "{turn}: rows are exchanged without a word to their code");
        assert_eq!((worker.rows().len(), worker.sorted().len()), (4, 4), "{turn}: the first rows");
        tree.shutdown().await;
        if !burnt {
            break;
        }
        turn += 1;
    }
    assert!(turn > 10, "making the first rows calls their code");
}

/// Made anew as its verify hook says, which takes a while.
#[heir]
struct Remade {
    #[table(init = { made.first(); made.go_on().await; [(0, 0)] })]
    rows: Table<u32, u32>,
    #[arg]
    made: Arc<Made>,
}

#[derive(Default)]
struct Made {
    times: AtomicU32,
    begun: Notify,
    go_on: Notify,
}

impl Made {
    fn first(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
    }

    /// The second time waits.
    async fn go_on(&self) {
        if self.times.load(Ordering::Relaxed) == 2 {
            self.begun.notify_one();
            self.go_on.notified().await;
        }
    }
}

static JUDGED: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

#[handlers]
impl Remade {
    #[on(verify)]
    fn verify(tables: &mut RemadeTables, exit: &Exit) -> Verdict {
        let fresh = tables.rows.contains_key(&u32::MAX);
        JUDGED[usize::from(fresh)].fetch_add(1, Ordering::Relaxed);
        assert_eq!(exit.incarnation, 1);
        if fresh { Verdict::quarantine("asked to") } else { Verdict::Reset }
    }

    fn put(&mut self, n: u32) {
        self.rows.insert(n, n);
    }

    fn read(&mut self) -> usize {
        self.rows.len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_killed_right_after_it_judged_is_followed_by_one_that_does_not_judge_again() {
    for fresh in [false, true] {
        let (mut tree, recorder) = Recorder::tree();
        let made = Arc::new(Made::default());
        let spec = Remade::spec(Arc::clone(&made)).backoff(Backoff::Fixed(Duration::from_secs(60)));
        let worker = tree.worker(spec.quarantine(AfterQuarantine::Fresh));
        let tree = tree.start().await.unwrap();
        worker.put(if fresh { u32::MAX } else { 1 }).await.unwrap();
        worker.kill();
        // The second worker dies while the manager, which is linked to it, has the tables made anew for it.
        made.begun.notified().await;
        recorder.clear();
        assert_eq!(worker.kill(), Some(2));
        recorder.until(event!(Restarting { role: Role::Worker, reason: ExitReason::Killed, .. })).await;
        made.go_on.notify_one();
        recorder.until(event!(GivesAway { incarnation: 2, .. })).await;
        // It never had them. A third one comes in a minute, and the manager that judged does not live to see it.
        assert_eq!(worker.incarnation(), 1);
        assert!(worker.kill_manager());
        worker.wait_serving(3).await.unwrap();
        assert_eq!(worker.read().await.unwrap(), 1, "the first row");
        assert_eq!(JUDGED[usize::from(fresh)].load(Ordering::Relaxed), 1);
        assert_eq!(made.times.load(Ordering::Relaxed), 2);
        assert_eq!(worker.quarantined(), usize::from(fresh));
        tree.shutdown().await;
    }
}
