//! The end of a tree for good: who is closed when, and who still serves.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::supervision::{ChildError, SubtreeStatus};
use heir_runtime::{
    Backoff, CallError, CallResult, Dynamic, ExitReason, NotSent, Restart, Shutdown, Spec, Status, Stopped,
    Strategy, Supervisor, SupervisorHandle, handlers, heir,
};
use heir_tests::overdue;
use heir_tests::waits::quiet;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

/// A ledger that others save into, and that does at its end what it is told.
#[heir]
struct Ledger {
    #[table(rollback)]
    entries: Vec<&'static str>,
    #[arg]
    at_stop: AtStop,
}

#[derive(Clone, Default)]
enum AtStop {
    #[default]
    Nothing,
    /// Saves its name there.
    Save(LedgerHandle, &'static str),
    /// Says that it has begun to stop, and waits until it may end.
    Wait(Arc<Pace>),
}

/// How a stop hook is held up.
struct Pace {
    stopping: Notify,
    ends: Semaphore,
}

impl Pace {
    fn new() -> Arc<Self> {
        Arc::new(Self { stopping: Notify::new(), ends: Semaphore::new(0) })
    }
}

#[handlers]
impl Ledger {
    #[on(stop)]
    async fn end(&mut self) {
        match &self.at_stop {
            AtStop::Nothing => {}
            AtStop::Save(ledger, name) => ledger.save(name).await.unwrap(),
            AtStop::Wait(pace) => {
                pace.stopping.notify_one();
                pace.ends.acquire().await.unwrap().forget();
            }
        }
    }

    fn save(&mut self, entry: &'static str) {
        self.entries.push(entry);
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    async fn hang(&mut self) {
        std::future::pending().await
    }
}

fn ledger(name: &'static str, at_stop: AtStop) -> Spec<Ledger> {
    Ledger::spec(at_stop).name(name).shutdown(Shutdown::Timeout(Duration::MAX))
}

fn plain(name: &'static str) -> Spec<Ledger> {
    ledger(name, AtStop::Nothing)
}

fn entries(ledger: &LedgerHandle) -> Vec<&'static str> {
    ledger.estate().claim("test").unwrap().entries.clone()
}

/// Has a tree with these children stop, and its last child wait in its stop hook.
struct Stopping {
    pace: Arc<Pace>,
    end: tokio::task::JoinHandle<heir_runtime::supervision::ShutdownReport>,
}

impl Stopping {
    async fn begin(tree: Supervisor, pace: &Arc<Pace>) -> Self {
        let end = tokio::spawn(tree.shutdown());
        pace.stopping.notified().await;
        Self { pace: Arc::clone(pace), end }
    }

    async fn go_on(self) -> heir_runtime::supervision::ShutdownReport {
        self.pace.ends.add_permits(1);
        self.end.await.unwrap()
    }
}

/// Whether a call was refused for this reason.
fn is_refused(outcome: &CallResult<(), (&'static str,)>, reason: &Stopped) -> bool {
    match outcome {
        Err(CallError::NotSent { why: NotSent::Stopped(why), .. } | CallError::Stopped(why)) => why == reason,
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_hook_saves_into_the_sibling_that_was_started_before() {
    let mut tree = Supervisor::builder("app");
    let first = tree.child(plain("first"));
    let second = tree.child(ledger("second", AtStop::Save(first.clone(), "second")));
    tree.child(ledger("third", AtStop::Save(second.clone(), "third")));
    let tree = tree.start().await.unwrap();
    let report = tree.shutdown().await;
    assert!(report.aborted.is_empty(), "{report:?}");
    assert_eq!((entries(&first), entries(&second)), (vec!["second"], vec!["third"]));
}

#[tokio::test(start_paused = true)]
async fn stop_of_the_root_keeps_that_order_too() {
    let mut tree = Supervisor::builder("app");
    let first = tree.child(plain("first"));
    tree.child(ledger("second", AtStop::Save(first.clone(), "second")));
    let tree = tree.start().await.unwrap();
    assert_eq!(SupervisorHandle::stop(&tree).await, Stopped::Shutdown);
    assert_eq!(entries(&first), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_closed_when_it_is_asked_to_stop_and_not_before() {
    let (mut tree, pace) = (Supervisor::builder("app"), Pace::new());
    let first = tree.child(plain("first"));
    let second = tree.child(ledger("second", AtStop::Wait(Arc::clone(&pace))));
    let stopping = Stopping::begin(tree.start().await.unwrap(), &pace).await;
    first.save("still served").await.unwrap();
    assert!(is_refused(&second.save("too late").await, &Stopped::Shutdown));
    stopping.go_on().await;
    assert!(is_refused(&first.save("too late").await, &Stopped::Shutdown));
    assert_eq!(entries(&first), ["still served"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_refused_when_its_worker_is_asked_to_stop() {
    let (mut tree, pace) = (Supervisor::builder("app"), Pace::new());
    let first = tree.child(plain("first").shutdown(Shutdown::Timeout(Duration::from_secs(5))));
    tree.child(ledger("second", AtStop::Wait(Arc::clone(&pace))));
    let tree = tree.start().await.unwrap();
    let hangs = tokio::spawn({
        let first = first.clone();
        async move { first.hang().await }
    });
    quiet().await;
    let mut queued = Box::pin(first.save("queued"));
    tokio::select! { biased; _ = &mut queued => panic!("it hangs"), () = quiet() => {} }
    let stopping = Stopping::begin(tree, &pace).await;
    tokio::select! { biased; _ = &mut queued => panic!("not its turn"), () = quiet() => {} }
    let asked = Instant::now();
    let end = tokio::spawn(stopping.go_on());
    assert!(is_refused(&queued.await, &Stopped::Shutdown));
    assert_eq!(asked.elapsed(), Duration::ZERO, "not when it has ended, five seconds later");
    assert!(matches!(hangs.await.unwrap(), Err(CallError::Died { .. })));
    end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_out_a_back_off_or_was_terminated_is_closed_when_the_end_begins() {
    let (mut tree, pace) = (Supervisor::builder("app"), Pace::new());
    let delayed = tree.child(plain("delayed").backoff(Backoff::Fixed(Duration::from_secs(60))));
    let terminated = tree.child(plain("terminated"));
    tree.child(ledger("last", AtStop::Wait(Arc::clone(&pace))));
    let tree = tree.start().await.unwrap();
    delayed.die().await.unwrap();
    tree.terminate_child("terminated").await.unwrap();
    quiet().await;
    let waiting = [delayed.clone(), terminated.clone()]
        .map(|ledger| tokio::spawn(async move { ledger.save("before the end").await }));
    quiet().await;
    let stopping = Stopping::begin(tree, &pace).await;
    for waiting in waiting {
        assert!(is_refused(&waiting.await.unwrap(), &Stopped::Shutdown));
    }
    assert!(is_refused(&delayed.save("at the end").await, &Stopped::Shutdown));
    assert!(is_refused(&terminated.save("at the end").await, &Stopped::Shutdown));
    stopping.go_on().await;
}

#[tokio::test(start_paused = true)]
async fn who_dies_before_its_turn_is_closed_at_that_moment() {
    let (mut tree, pace) = (Supervisor::builder("app"), Pace::new());
    let first = tree.child(plain("first"));
    tree.child(ledger("second", AtStop::Wait(Arc::clone(&pace))));
    let stopping = Stopping::begin(tree.start().await.unwrap(), &pace).await;
    first.die().await.unwrap();
    assert!(is_refused(&first.save("behind it").await, &Stopped::Shutdown));
    stopping.go_on().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_restarted_because_its_supervisor_gives_up_is_closed_at_that_moment() {
    let (mut tree, pace) = (Supervisor::builder("app").intensity(0), Pace::new());
    let first = tree.child(plain("first"));
    let other = tree.child(plain("other"));
    tree.child(ledger("last", AtStop::Wait(Arc::clone(&pace))));
    let mut tree = tree.start().await.unwrap();
    first.die().await.unwrap();
    pace.stopping.notified().await;
    let why = match first.save("behind it").await {
        Err(CallError::NotSent { why: NotSent::Stopped(why), .. } | CallError::Stopped(why)) => why,
        outcome => panic!("{outcome:?}"),
    };
    assert!(matches!(why, Stopped::GaveUp(ExitReason::Panic(_))), "{why}");
    other.save("still served").await.unwrap();
    pace.ends.add_permits(1);
    assert_eq!(tree.wait().await.why, why);
    assert!(is_refused(&other.save("too late").await, &why));
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_is_asked_to_stop_after_it_has_given_up_has_given_up() {
    let (mut tree, pace) = (Supervisor::builder("app").intensity(0), Pace::new());
    let first = tree.child(plain("first"));
    tree.child(ledger("last", AtStop::Wait(Arc::clone(&pace))));
    let mut tree = tree.start().await.unwrap();
    first.die().await.unwrap();
    pace.stopping.notified().await;
    let handle = SupervisorHandle::clone(&tree);
    let asked = tokio::spawn(async move { handle.stop().await });
    quiet().await;
    pace.ends.add_permits(1);
    let why = tree.wait().await.why;
    assert!(matches!(why, Stopped::GaveUp(ExitReason::Panic(_))), "{why}");
    assert_eq!(asked.await.unwrap(), why);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_whose_end_is_for_good_closes_in_its_turn() {
    let (mut tree, mut below) = (Supervisor::builder("app"), Supervisor::builder("below"));
    let deepest = below.child(plain("deepest"));
    let deep = below.child(ledger("deep", AtStop::Save(deepest.clone(), "deep")));
    tree.child(below);
    tree.child(ledger("last", AtStop::Save(deep.clone(), "last")));
    let tree = tree.start().await.unwrap();
    let report = tree.shutdown().await;
    assert!(report.aborted.is_empty(), "{report:?}");
    assert_eq!((entries(&deepest), entries(&deep)), (vec!["deep"], vec!["last"]));
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_is_stopped_for_good_alone_closes_in_its_turn() {
    let (mut tree, mut below) = (Supervisor::builder("app"), Supervisor::builder("below"));
    let first = below.child(plain("first"));
    below.child(ledger("second", AtStop::Save(first.clone(), "second")));
    let below = tree.child(below);
    let tree = tree.start().await.unwrap();
    assert_eq!(below.stop().await, Stopped::Shutdown);
    assert_eq!(entries(&first), ["second"]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_is_terminated_or_restarted_keeps_its_mailboxes_open() {
    let (mut tree, mut below) =
        (Supervisor::builder("app").strategy(Strategy::OneForAll), Supervisor::builder("below"));
    let inside = below.child(plain("inside"));
    let below = tree.child(below);
    let beside = tree.child(plain("beside"));
    let tree = tree.start().await.unwrap();
    tree.terminate_child("below").await.unwrap();
    assert_eq!(below.status(), SubtreeStatus::Terminated);
    let waiting = tokio::spawn({
        let inside = inside.clone();
        async move { inside.save("while it was terminated").await }
    });
    quiet().await;
    tree.restart_child("below").await.unwrap();
    waiting.await.unwrap().unwrap();
    beside.die().await.unwrap();
    inside.save("over a restart").await.unwrap();
    tree.shutdown().await;
    assert_eq!(entries(&inside), ["while it was terminated", "over a restart"]);
}

/// The subtree has been asked to stop, to be started again, and one of its two children is down, when the root is to end.
#[tokio::test(start_paused = true)]
async fn a_subtree_that_learns_in_the_middle_of_its_end_that_it_is_for_good_closes_who_is_down() {
    let (mut tree, mut below, pace) =
        (Supervisor::builder("app").strategy(Strategy::OneForAll), Supervisor::builder("below"), Pace::new());
    below.child(ledger("inner", AtStop::Wait(Arc::clone(&pace))));
    let down = below.child(plain("down"));
    tree.child(below);
    let beside = tree.child(plain("beside"));
    let tree = tree.start().await.unwrap();
    beside.die().await.unwrap();
    pace.stopping.notified().await;
    let waiting = tokio::spawn({
        let down = down.clone();
        async move { down.save("for the next incarnation").await }
    });
    quiet().await;
    assert!(!waiting.is_finished(), "it is to be started again");
    let end = tokio::spawn(tree.shutdown());
    assert!(is_refused(&waiting.await.unwrap(), &Stopped::Shutdown));
    pace.ends.add_permits(1);
    end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_workers_of_a_dynamic_supervisor_are_closed_together() {
    let (mut tree, pace) = (Supervisor::builder("app"), Pace::new());
    let many = tree.child(Dynamic::<u32, Ledger>::spec());
    let tree = tree.start().await.unwrap();
    let waits = many.start(1, ledger("one", AtStop::Wait(Arc::clone(&pace)))).await.unwrap();
    let other = many.start(2, plain("two")).await.unwrap();
    let stopping = Stopping::begin(tree, &pace).await;
    assert!(is_refused(&waits.save("too late").await, &Stopped::Shutdown));
    assert!(is_refused(&other.save("too late").await, &Stopped::Shutdown));
    stopping.go_on().await;
}

#[tokio::test(start_paused = true)]
async fn senders_that_never_cease_lengthen_no_end() {
    let mut tree = Supervisor::builder("app");
    let ledgers = ["one", "two", "three"].map(|name| tree.child(plain(name).mailbox(1)));
    let tree = tree.start().await.unwrap();
    let senders =
        ledgers.map(|ledger| tokio::spawn(async move { while ledger.save("more").await.is_ok() {} }));
    // The clock stands still while they send.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let report = tree.shutdown().await;
    assert_eq!((begun.elapsed(), report.aborted), (Duration::ZERO, vec![]));
    for sender in senders {
        sender.await.unwrap();
    }
}

/// What the docs of `#[on(stop)]` say: a hook may wait for who is stopped later, not for who waits for its end.
#[tokio::test(start_paused = true)]
async fn a_stop_hook_that_waits_for_who_does_not_answer_has_its_timeout_and_no_longer() {
    let mut tree = Supervisor::builder("app");
    let first = tree.child(plain("first").shutdown(Shutdown::BrutalKill));
    let three = Duration::from_secs(3);
    tree.child(ledger("last", AtStop::Save(first.clone(), "last")).shutdown(Shutdown::Timeout(three)));
    let tree = tree.start().await.unwrap();
    let hangs = tokio::spawn(async move { first.hang().await });
    quiet().await;
    let begun = Instant::now();
    let report = tree.shutdown().await;
    assert_eq!((begun.elapsed(), overdue(&report.aborted)), (three, vec![("last", Role::Worker)]));
    assert!(matches!(hangs.await.unwrap(), Err(CallError::Died { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_child_of_a_terminated_subtree_can_be_asked_for_and_the_answer_waits_for_the_subtree() {
    let (mut tree, mut below) = (Supervisor::builder("app"), Supervisor::builder("below"));
    let inside = below.child(plain("inside"));
    let below = tree.child(below);
    let tree = tree.start().await.unwrap();
    tree.terminate_child("below").await.unwrap();
    assert_eq!(inside.status(), Status::Down);
    let mut asked = Box::pin(below.restart_child("inside"));
    tokio::select! { biased; answer = &mut asked => panic!("it is down: {answer:?}"), () = quiet() => {} }
    tree.restart_child("below").await.unwrap();
    assert_eq!(asked.await, Err(ChildError::Running), "started with the subtree");
    inside.save("again").await.unwrap();

    tree.terminate_child("below").await.unwrap();
    let mut asked = Box::pin(below.restart_child("inside"));
    tokio::select! { biased; answer = &mut asked => panic!("it is down: {answer:?}"), () = quiet() => {} }
    tree.delete_child("below").await.unwrap();
    assert_eq!(asked.await, Err(ChildError::Gone));
    assert_eq!(below.restart_child("inside").await, Err(ChildError::Ended));
}

#[tokio::test(start_paused = true)]
async fn who_stops_or_restarts_a_worker_of_a_terminated_subtree_waits_for_the_subtree() {
    let (mut tree, mut below) = (Supervisor::builder("app"), Supervisor::builder("below"));
    let stopped = below.child(plain("stopped").restart(Restart::Permanent));
    let renewed = below.child(plain("renewed"));
    tree.child(below);
    let tree = tree.start().await.unwrap();
    tree.terminate_child("below").await.unwrap();
    let (mut stop, mut renew) = (Box::pin(stopped.stop()), Box::pin(renewed.restart()));
    tokio::select! {
        biased;
        why = &mut stop => panic!("{why}"),
        number = &mut renew => panic!("{number:?}"),
        () = quiet() => {}
    }
    tree.restart_child("below").await.unwrap();
    assert_eq!(stop.await, Stopped::Shutdown);
    renew.await.unwrap();
    tree.shutdown().await;
}
