//! What custody rests on, looked at in the very moment: who owns the tables when somebody is told,
//! and what is committed by then.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::Duration;

use heir_runtime::estate::Owner;
use heir_runtime::events::Role;
use heir_runtime::{CallError, Context, ExitReason, Stopped, Supervisor, Table, handlers, heir};
use heir_tests::{Recorder, overdue};
use tokio::sync::Notify;

use crate::relatives::nobody;

/// A waker that looks at something in the moment in which it is woken, on the thread that wakes.
struct Looks<L> {
    look: Box<dyn Fn() -> L + Send + Sync>,
    seen: Mutex<Option<L>>,
    woken: Notify,
}

impl<L: Send + 'static> Wake for Looks<L> {
    fn wake(self: Arc<Self>) {
        let seen = (self.look)();
        *self.seen.lock().unwrap() = Some(seen);
        self.woken.notify_one();
    }
}

/// The answer to a call, and what its waker saw when it was woken for it.
async fn told<R, L: Send + 'static>(
    call: impl Future<Output = R>,
    look: impl Fn() -> L + Send + Sync + 'static,
) -> (R, L) {
    let looks = Arc::new(Looks { look: Box::new(look), seen: Mutex::new(None), woken: Notify::new() });
    let waker = Waker::from(Arc::clone(&looks));
    let mut call = pin!(call);
    loop {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut Task::from_waker(&waker)) {
            let seen = looks.seen.lock().unwrap().take();
            return (answer, seen.expect("it was woken for its answer"));
        }
        looks.woken.notified().await;
    }
}

/// Replies in every shape, each after one row more.
#[heir]
struct Replying {
    #[table]
    rows: Table<u32, u32>,
    #[arg]
    hangs: Arc<Notify>,
}

#[handlers]
impl Replying {
    #[skip]
    fn put(&mut self) -> u32 {
        let n = self.rows.len() as u32;
        self.rows.insert(n, n);
        n + 1
    }

    fn value(&mut self) -> u32 {
        self.put()
    }

    fn nothing(&mut self) {
        self.put();
    }

    fn refused(&mut self) -> Result<u32, String> {
        self.put();
        Err("refused".into())
    }

    async fn later(&mut self) -> Box<u32> {
        let n = self.put();
        tokio::task::yield_now().await;
        Box::new(n)
    }

    /// Dies the first time.
    #[redeliver(1)]
    fn again(&mut self, cx: &mut Context<Self>) -> u32 {
        assert!(cx.incarnation() > 1, "the first time");
        self.put()
    }

    fn stopping(&mut self, cx: &mut Context<Self>) -> u32 {
        cx.stop();
        self.put()
    }

    fn die(&mut self) {
        self.put();
        panic!("asked to die");
    }

    async fn hang(&mut self) {
        self.put();
        self.hangs.notify_one();
        std::future::pending().await
    }

    /// Is killed in the middle, and does not await.
    fn killed(&mut self, cx: &mut Context<Self>) -> u32 {
        cx.handle().upgrade().unwrap().kill();
        self.put()
    }
}

/// Its handlers have a bound on their time, or none.
async fn replying(bound: Duration) -> (ReplyingHandle, Supervisor, Arc<Notify>) {
    let (mut tree, _) = Recorder::tree();
    let hangs = Arc::new(Notify::new());
    let worker = tree.worker(Replying::spec(Arc::clone(&hangs)).handler_timeout(bound));
    (worker, tree.start().await.unwrap(), hangs)
}

#[tokio::test(start_paused = true)]
async fn no_reply_of_whatever_shape_leaves_before_its_message_has_committed() {
    for bound in [Duration::MAX, Duration::from_secs(60)] {
        let (worker, tree, _) = replying(bound).await;
        let reader = worker.rows();
        // Of committed messages only.
        let committed = move || reader.snapshot().len();
        let look = || committed.clone();
        let again = told(worker.again(), look()).await;
        assert_eq!((again.0.unwrap(), again.1), (1, 1));
        let value = told(worker.value(), look()).await;
        assert_eq!((value.0.unwrap(), value.1), (2, 2));
        let nothing = told(worker.nothing(), look()).await;
        assert_eq!((nothing.0.unwrap(), nothing.1), ((), 3));
        let refused = told(worker.refused(), look()).await;
        assert_eq!((refused.0.unwrap(), refused.1), (Err("refused".to_owned()), 4));
        let later = told(worker.later(), look()).await;
        assert_eq!((*later.0.unwrap(), later.1), (5, 5));
        let timed = told(worker.with_timeout(Duration::from_secs(1)).value(), look()).await;
        assert_eq!((timed.0.unwrap(), timed.1), (6, 6));
        let stopping = told(worker.stopping(), look()).await;
        assert_eq!((stopping.0.unwrap(), stopping.1), (7, 7));
        tree.shutdown().await;
    }
}

#[tokio::test]
async fn whoever_is_told_of_a_death_finds_that_the_dead_incarnation_owns_the_tables_no_more() {
    let (worker, tree, hangs) = replying(Duration::MAX).await;
    let owner = || {
        let estate = worker.estate();
        move || estate.info().owner
    };
    let is_died = |incarnation| {
        move |outcome: Result<(), CallError<()>>| {
            assert!(matches!(outcome, Err(CallError::Died { incarnation: n, .. }) if n == incarnation));
        }
    };
    // Nobody owns them: the manager, which is the heir, has not even been polled.
    let (outcome, owned) = told(worker.die(), owner()).await;
    is_died(1)(outcome);
    assert_eq!(owned, None::<Owner>);
    worker.wait_serving(2).await.unwrap();
    let killer = tokio::spawn({
        let worker = worker.clone();
        async move {
            hangs.notified().await;
            worker.kill()
        }
    });
    let (outcome, owned) = told(worker.hang(), owner()).await;
    is_died(2)(outcome);
    assert_eq!((owned, killer.await.unwrap()), (None::<Owner>, Some(2)));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_handler_that_kills_its_own_worker_commits_nothing_and_its_reply_does_not_leave() {
    let (worker, tree, _) = replying(Duration::MAX).await;
    let died = worker.killed().await.unwrap_err();
    assert!(matches!(died, CallError::Died { reason: ExitReason::Killed, .. }), "{died}");
    assert_eq!(worker.value().await.unwrap(), 1, "the first row");
    tree.shutdown().await;
}

/// The hook in which a [`Doomed`] worker kills itself, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hook {
    Transfer,
    Start,
    Exit,
    Down,
    Stop,
}

/// Writes in each of its hooks, and kills itself in one of them, in the middle of it and without an
/// await after that.
#[heir]
struct Doomed {
    #[table]
    rows: Table<&'static str, u64>,
    #[table(rollback)]
    total: u64,
    #[arg]
    at: Hook,
    /// Told when the hook is done.
    #[arg]
    struck: Arc<AtomicBool>,
}

#[handlers]
impl Doomed {
    #[skip]
    fn strike(&mut self, hook: Hook, cx: &mut Context<Self>) {
        if self.at == hook && !self.struck.swap(true, Ordering::Relaxed) {
            self.rows.insert("doomed", cx.incarnation());
            self.total += 1;
            assert_eq!(cx.handle().upgrade().unwrap().kill(), Some(cx.incarnation()));
        }
    }

    #[on(transfer)]
    fn received(&mut self, cx: &mut Context<Self>) {
        self.strike(Hook::Transfer, cx);
    }

    #[on(start)]
    fn started(&mut self, cx: &mut Context<Self>) {
        self.strike(Hook::Start, cx);
    }

    #[on(exit)]
    fn exited(&mut self, cx: &mut Context<Self>) {
        self.strike(Hook::Exit, cx);
    }

    #[on(down)]
    fn down(&mut self, cx: &mut Context<Self>) {
        self.strike(Hook::Down, cx);
    }

    #[on(stop)]
    fn stopped(&mut self, cx: &mut Context<Self>) {
        self.strike(Hook::Stop, cx);
    }

    fn link(&mut self, cx: &mut Context<Self>) {
        cx.link(&nobody());
    }

    fn watch(&mut self, cx: &mut Context<Self>) {
        cx.monitor(&nobody());
    }

    fn finish(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }

    fn read(&mut self) -> (usize, u64) {
        (self.rows.len(), self.total)
    }
}

#[tokio::test]
async fn a_hook_that_kills_its_own_worker_commits_nothing() {
    for hook in [Hook::Transfer, Hook::Start, Hook::Exit, Hook::Down, Hook::Stop] {
        let (mut tree, _) = Recorder::tree();
        let struck = Arc::new(AtomicBool::new(false));
        let worker = tree.worker(Doomed::spec(hook, Arc::clone(&struck)));
        let tree = tree.start().await.unwrap();
        match hook {
            Hook::Transfer | Hook::Start => {}
            Hook::Exit => worker.link().await.unwrap(),
            Hook::Down => worker.watch().await.unwrap(),
            Hook::Stop => worker.finish().await.unwrap(),
        }
        worker.wait_serving(2).await.unwrap();
        let exit = worker.estate().last_exit().unwrap();
        assert_eq!(
            (exit.incarnation, exit.reason, exit.in_message),
            (1, ExitReason::Killed, true),
            "{hook:?}"
        );
        assert_eq!(worker.read().await.unwrap(), (0, 0), "{hook:?}");
        tree.shutdown().await;
        assert!(struck.load(Ordering::Relaxed), "{hook:?}");
    }
}

/// Hangs when it is to stop.
#[heir(handler_timeout = "5s", shutdown = "1h")]
struct Lingering {
    #[table(rollback)]
    stops: u32,
}

#[handlers]
impl Lingering {
    #[on(stop)]
    async fn stopped(&mut self) {
        self.stops += 1;
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_hook_that_hangs_ends_within_its_handlers_time_and_is_undone() {
    let (mut tree, _) = Recorder::tree();
    let lingering = tree.worker(Lingering::spec());
    let tree = tree.start().await.unwrap();
    let begin = tokio::time::Instant::now();
    let report = tree.shutdown().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert_eq!((report.aborted, report.unresponsive), (vec![], vec![]), "it has ended by itself");
    let reason = lingering.estate().last_exit().unwrap().reason;
    assert_eq!(reason.to_string(), "timed out: `#[on(stop)]` took longer than 5s");
    assert_eq!(lingering.estate().claim("test").unwrap().stops, 0);
}

/// Blocks its thread in the middle of a message, until it is let go.
#[heir(shutdown = "10ms")]
struct Stuck {
    #[table]
    rows: Table<u32, u32>,
    #[table(rollback)]
    total: u32,
    #[arg]
    held: Arc<Held>,
}

struct Held {
    blocks: Notify,
    until: Mutex<mpsc::Receiver<bool>>,
}

#[handlers]
impl Stuck {
    fn put(&mut self, n: u32) {
        self.rows.insert(n, n);
        self.total += n;
    }

    /// Is told, when it is let go, whether to panic.
    #[cast]
    fn block(&mut self) {
        self.put(2);
        self.held.blocks.notify_one();
        let panics = self.held.until.lock().unwrap().recv().unwrap();
        assert!(!panics, "later");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_finds_the_message_of_a_worker_that_was_left_behind_done_or_undone_as_it_ended_since() {
    for (panics, rows, total) in [(true, 1, 1), (false, 2, 3)] {
        let (mut tree, _) = Recorder::tree();
        let (let_go, until) = mpsc::channel();
        let held = Arc::new(Held { blocks: Notify::new(), until: Mutex::new(until) });
        let stuck = tree.worker(Stuck::spec(Arc::clone(&held)));
        let tree = tree.start().await.unwrap();
        stuck.put(1).await.unwrap();
        stuck.block().await.unwrap();
        held.blocks.notified().await;
        // Its manager is gone, and it is retired: nobody but the claim undoes its writes.
        assert_eq!(overdue(&tree.shutdown().await.unresponsive), [("Stuck", Role::Worker)]);
        assert_eq!(stuck.wait_stopped().await, Stopped::Shutdown);
        let_go.send(panics).unwrap();
        let tables = loop {
            match stuck.estate().claim("test") {
                Ok(tables) => break tables,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(stuck.estate().last_exit().unwrap().in_message, panics);
        assert_eq!((tables.rows.len(), tables.rows.get(&1), tables.total), (rows, Some(1), total));
        assert_eq!(tables.torn(), None);
    }
}
