//! What is asked of a supervisor, or befalls a child, while something else is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::supervision::{ChildError, SubtreeStatus};
use heir_runtime::{
    CallError, CallResult, Dynamic, NotSent, StartError, Status, Stopped, Strategy, Supervisor,
    SupervisorHandle, handlers, heir,
};
use heir_tests::Log;
use heir_tests::waits::{in_time, quiet};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Member, MemberTables, failing, member, members};

/// A member whose work, and whose start if it has something to wait for, is held up until it is told to go on.
#[heir(tables = MemberTables)]
struct Held {
    #[table(rollback)]
    count: u64,
    /// What its start waits for, if for anything.
    #[arg]
    start: Option<Arc<Notify>>,
    #[arg]
    go_on: Arc<Notify>,
}

#[handlers]
impl Held {
    #[on(start)]
    async fn start(&mut self) {
        if let Some(start) = &self.start {
            start.notified().await;
        }
    }

    async fn work(&mut self) -> u64 {
        self.go_on.notified().await;
        self.count += 1;
        self.count
    }

    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

async fn working(tree: &mut heir_runtime::SupervisorBuilder) -> (HeldHandle, Arc<Notify>) {
    let go_on = Arc::new(Notify::new());
    (tree.child(Held::spec(None, Arc::clone(&go_on)).name("held")), go_on)
}

/// A call that the worker serves, until it may go on.
async fn at_work(held: &HeldHandle) -> JoinHandle<CallResult<u64>> {
    let held = held.clone();
    let at_work = tokio::spawn(async move { held.work().await });
    quiet().await;
    at_work
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_dies_while_its_worker_is_restarted_on_request_is_restarted_too() {
    let mut tree = Supervisor::builder("app");
    let (held, go_on) = working(&mut tree).await;
    let _tree = tree.start().await.unwrap();
    let at_work = at_work(&held).await;
    let restart = tokio::spawn({
        let held = held.clone();
        async move { held.restart().await }
    });
    quiet().await;
    assert!(held.kill_manager());
    quiet().await;
    go_on.notify_one();
    assert_eq!(at_work.await.unwrap().unwrap(), 1);
    assert_eq!(in_time(restart).await.unwrap().unwrap(), 2);
    assert_eq!(held.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_child_terminated_in_the_middle_of_its_upgrade_is_upgraded_and_terminated() {
    let mut tree = Supervisor::builder("app");
    let (held, go_on) = working(&mut tree).await;
    let tree = Arc::new(tree.start().await.unwrap());
    let at_work = at_work(&held).await;
    let upgrade = tokio::spawn({
        let (tree, held) = (Arc::clone(&tree), held.clone());
        let log = Log::default();
        async move { tree.upgrade_child(&held, member("new", &log)).await }
    });
    quiet().await;
    let terminate = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.terminate_child("held").await }
    });
    quiet().await;
    go_on.notify_one();
    at_work.await.unwrap().unwrap();
    let new = in_time(upgrade).await.unwrap().unwrap();
    in_time(terminate).await.unwrap().unwrap();
    assert_eq!(new.status(), Status::Terminated);
    in_time(tree.restart_child("held")).await.unwrap();
    assert_eq!(new.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn senders_to_a_worker_that_is_to_be_upgraded_are_told_before_it_has_done_its_work() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let (held, go_on) = working(&mut tree).await;
    let tree = Arc::new(tree.start().await.unwrap());
    let at_work = at_work(&held).await;
    let upgrade = tokio::spawn({
        let (tree, held) = (Arc::clone(&tree), held.clone());
        async move { tree.upgrade_child(&held, member("new", &log)).await }
    });
    quiet().await;
    let told = in_time(held.count()).await.unwrap_err();
    assert!(matches!(told, CallError::NotSent { why: NotSent::Stopped(Stopped::Upgraded), .. }), "{told}");
    assert!(!at_work.is_finished());
    go_on.notify_one();
    assert_eq!(at_work.await.unwrap().unwrap(), 1);
    assert_eq!(in_time(upgrade).await.unwrap().unwrap().count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_two_upgrades_at_once_the_second_is_refused_and_lets_nobody_at_the_tables() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let (held, go_on) = working(&mut tree).await;
    let tree = Arc::new(tree.start().await.unwrap());
    let at_work = at_work(&held).await;
    let upgrade = || {
        let (tree, held, log) = (Arc::clone(&tree), held.clone(), log.clone());
        tokio::spawn(async move { tree.upgrade_child(&held, member("new", &log)).await })
    };
    let first = upgrade();
    quiet().await;
    let second = upgrade();
    assert_eq!(in_time(second).await.unwrap().unwrap_err(), ChildError::Ending);
    go_on.notify_one();
    at_work.await.unwrap().unwrap();
    let new = in_time(first).await.unwrap().unwrap();
    tree.terminate_child("held").await.unwrap();
    assert!(new.estate().claim("thief").is_err(), "the tables wait for their worker");
    tree.restart_child("held").await.unwrap();
    assert_eq!(new.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_starts_a_child_is_told_when_that_is_terminated_before_it_is_up() {
    let tree = Arc::new(Supervisor::builder("app").start().await.unwrap());
    let start = Arc::new(Notify::new());
    let starting = tokio::spawn({
        let (tree, spec) = (Arc::clone(&tree), Held::spec(Some(Arc::clone(&start)), Arc::default()));
        async move { tree.start_child(spec.name("held")).await }
    });
    quiet().await;
    tree.terminate_child("held").await.unwrap();
    let told = in_time(starting).await.unwrap().unwrap_err();
    assert_eq!(told, StartError::Stopped(Stopped::Shutdown));
    // It is there, and can be started.
    let restarting = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.restart_child("held").await }
    });
    quiet().await;
    tree.terminate_child("held").await.unwrap();
    let told = in_time(restarting).await.unwrap().unwrap_err();
    assert_eq!(told, ChildError::NotStarted(StartError::Stopped(Stopped::Shutdown)));
    start.notify_one();
    tree.restart_child("held").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_starts_a_child_is_told_when_another_takes_its_place_before_it_is_up() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let start = Arc::new(Notify::new());
    let held = tree.child(Held::spec(Some(Arc::clone(&start)), Arc::default()).name("held"));
    start.notify_one();
    let tree = Arc::new(tree.start().await.unwrap());
    tree.terminate_child("held").await.unwrap();
    let restarting = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.restart_child("held").await }
    });
    quiet().await;
    let new = tree.upgrade_child(&held, member("new", &log)).await.unwrap();
    let told = in_time(restarting).await.unwrap().unwrap_err();
    assert_eq!(told, ChildError::NotStarted(StartError::Stopped(Stopped::Upgraded)));
    assert_eq!(new.count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_failed_can_be_tried_again_at_once() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(2));
    let tree = Supervisor::builder("app").start().await.unwrap();
    let spec = || failing("a", &log, &failures).registered("one");
    for _ in 0..2 {
        let told = tree.start_child(spec()).await.unwrap_err();
        assert!(matches!(told, StartError::Child { .. }), "{told}");
    }
    let a = tree.start_child(spec()).await.unwrap();
    a.count().await.unwrap();

    tree.terminate_child("a").await.unwrap();
    failures.store(2, Ordering::Relaxed);
    for _ in 0..2 {
        let told = tree.restart_child("a").await.unwrap_err();
        assert!(matches!(told, ChildError::NotStarted(_)), "{told}");
    }
    tree.restart_child("a").await.unwrap();
    assert_eq!(a.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_is_refused_for_a_name_leaves_that_to_who_has_it() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    tree.child(member("a", &log).registered("one"));
    let tree = tree.start().await.unwrap();
    let mut io = Supervisor::builder("io");
    io.child(member("b", &log).registered("one"));
    let told = tree.start_child(io).await.unwrap_err();
    assert_eq!(told, StartError::DuplicateRegistration("one".into()));
    assert_eq!(tree.whereis::<Member>("one").unwrap().name(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_root_that_is_killed_has_stopped_for_everybody() {
    let log = Log::default();
    let tree = Dynamic::<u32, Member>::spec().start().await.unwrap();
    let worker = tree.start(1, member("m", &log)).await.unwrap();
    worker.count().await.unwrap();
    let handle = tree.supervisor().clone();
    assert!(handle.kill());
    assert_eq!(in_time(handle.stop()).await, Stopped::Dropped);
    assert_eq!(handle.status(), SubtreeStatus::Stopped(Stopped::Dropped));
    assert_eq!(worker.wait_stopped().await, Stopped::Dropped);
    assert!(tree.is_empty(), "its keys are free");
}

#[tokio::test(start_paused = true)]
async fn a_root_that_was_not_started_has_stopped_for_everybody() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let mut io = Supervisor::builder("io");
    members(&mut io, &log, ["a", "a"]);
    let io = tree.child(io);
    assert_eq!(tree.start().await.unwrap_err(), StartError::DuplicateName("a".into()));
    assert_eq!(in_time(io.wait_stopped()).await, Stopped::Dropped);
}

#[tokio::test(start_paused = true)]
async fn a_child_added_in_the_middle_of_a_cycle_is_started_in_its_turn() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a] = members(&mut tree, &log, ["a"]);
    let (held, go_on) = working(&mut tree).await;
    let tree = Arc::new(tree.start().await.unwrap());
    tokio::spawn(async move { held.work().await });
    quiet().await;
    log.take();
    a.die().await.unwrap();
    quiet().await;
    let adding = tokio::spawn({
        let (tree, spec) = (Arc::clone(&tree), member("b", &log));
        async move { tree.start_child(spec).await }
    });
    quiet().await;
    assert!(log.take().is_empty(), "nobody is started while others are stopped");
    go_on.notify_one();
    let b = in_time(adding).await.unwrap().unwrap();
    assert_eq!(log.take(), ["a starts", "b starts"]);
    assert_eq!(b.incarnation(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_upgraded_in_the_middle_of_a_cycle_is_started_in_its_turn() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let (held, go_on) = working(&mut tree).await;
    let [a, b] = members(&mut tree, &log, ["a", "b"]);
    let tree = Arc::new(tree.start().await.unwrap());
    tokio::spawn(async move { held.work().await });
    quiet().await;
    log.take();
    a.die().await.unwrap();
    quiet().await;
    assert_eq!(log.take(), ["b stops: shutdown"]);
    tree.upgrade_child(&b, member("new", &log)).await.unwrap();
    quiet().await;
    assert!(log.take().is_empty(), "nobody is started while others are stopped");
    go_on.notify_one();
    quiet().await;
    assert_eq!(log.take(), ["a starts", "new starts"]);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_waits_for_a_child_that_is_being_restarted_on_request() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a] = members(&mut tree, &log, ["a"]);
    let (held, go_on) = working(&mut tree).await;
    let [b] = members(&mut tree, &log, ["b"]);
    let _tree = tree.start().await.unwrap();
    tokio::spawn({
        let held = held.clone();
        async move { held.work().await }
    });
    quiet().await;
    let restart = tokio::spawn({
        let held = held.clone();
        async move { held.restart().await }
    });
    quiet().await;
    log.take();
    a.die().await.unwrap();
    quiet().await;
    assert_eq!(log.take(), ["b stops: shutdown"], "nobody is started while another is still at work");
    go_on.notify_one();
    assert_eq!(in_time(restart).await.unwrap().unwrap(), 2, "once is enough");
    b.wait_serving(2).await.unwrap();
    assert_eq!(log.take(), ["a starts", "b starts"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_being_added_and_fails_does_not_end_the_supervisor_that_is_restarted() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(0));
    let start = Arc::new(Notify::new());
    let mut tree = Supervisor::builder("app");
    let mut io = Supervisor::builder("io");
    let [a] = members(&mut io, &log, ["a"]);
    let io = tree.child(io);
    let tree = tree.start().await.unwrap();
    let adding = tokio::spawn({
        let (io, spec) = (io.clone(), LateFailure::spec(Arc::clone(&start), Arc::clone(&failures)));
        async move { io.start_child(spec).await }
    });
    quiet().await;
    io.kill();
    quiet().await;
    failures.store(1, Ordering::Relaxed);
    start.notify_one();
    let told = in_time(adding).await.unwrap().unwrap_err();
    assert!(matches!(told, StartError::Child { .. }), "{told}");
    assert_eq!(io.status(), SubtreeStatus::Running);
    assert_eq!((a.incarnation(), io.count_children().specs), (2, 1));
    drop(tree);
}

/// Fails to start when it is told to go on.
#[heir]
struct LateFailure {
    #[table(keep)]
    nothing: (),
    #[arg]
    start: Arc<Notify>,
    #[arg]
    failures: Arc<AtomicU32>,
}

#[handlers]
impl LateFailure {
    #[on(start)]
    async fn start(&mut self) -> Result<(), &'static str> {
        self.start.notified().await;
        if self.failures.load(Ordering::Relaxed) > 0 { Err("not this one") } else { Ok(()) }
    }
}

/// Manages the supervisor it is a child of, from its own messages and hooks.
#[heir]
struct Inside {
    #[table(rollback)]
    count: u64,
    #[arg]
    tree: Arc<std::sync::OnceLock<SupervisorHandle>>,
    #[arg]
    log: Log,
}

#[handlers]
impl Inside {
    #[on(start)]
    async fn start(&mut self) -> Result<(), StartError> {
        self.count += 1;
        if let Some(tree) = self.tree.get() {
            let name = format!("helper {}", self.count);
            tree.start_child(member("helper", &self.log).name(name)).await?;
        }
        Ok(())
    }

    fn count(&mut self) -> u64 {
        self.count
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    async fn terminate(&mut self) -> Result<(), ChildError> {
        self.tree.get().unwrap().terminate_child("inside").await
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_hook_can_start_another_child() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let log = Log::default();
        let own = Arc::new(std::sync::OnceLock::new());
        let mut tree = Supervisor::builder("app").strategy(strategy);
        let inside = tree.child(Inside::spec(Arc::clone(&own), log.clone()).name("inside"));
        let [a] = members(&mut tree, &log, ["a"]);
        let tree = tree.start().await.unwrap();
        own.set(SupervisorHandle::clone(&tree)).unwrap();
        for turn in 2..=3 {
            if turn == 3 && strategy != Strategy::OneForOne {
                // Somebody else ends: it is in the cycle.
                a.die().await.unwrap();
                if strategy == Strategy::RestForOne {
                    inside.die().await.unwrap();
                }
            } else {
                inside.die().await.unwrap();
            }
            assert_eq!(in_time(inside.wait_serving(turn)).await.unwrap(), turn);
            assert_eq!(inside.count().await.unwrap(), turn);
        }
        quiet().await;
        assert_eq!(tree.count_children().active, 4);
        assert!(a.count().await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_terminates_itself_in_a_message_is_stopped_within_its_timeout() {
    let log = Log::default();
    let own = Arc::new(std::sync::OnceLock::new());
    let mut tree = Supervisor::builder("app");
    let inside = tree.child(Inside::spec(Arc::clone(&own), log.clone()).name("inside"));
    let tree = tree.start().await.unwrap();
    own.set(SupervisorHandle::clone(&tree)).unwrap();
    assert!(in_time(inside.terminate()).await.is_err(), "it is aborted while it waits for its own end");
    quiet().await;
    assert_eq!(inside.status(), Status::Terminated);
    in_time(tree.restart_child("inside")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_child_asked_for_while_it_is_terminated_is_started_when_it_is_down() {
    let mut tree = Supervisor::builder("app");
    let (held, go_on) = working(&mut tree).await;
    let tree = Arc::new(tree.start().await.unwrap());
    let at_work = at_work(&held).await;
    let terminate = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.terminate_child("held").await }
    });
    quiet().await;
    let restart = tokio::spawn({
        let held = held.clone();
        async move { held.restart().await }
    });
    quiet().await;
    go_on.notify_one();
    at_work.await.unwrap().unwrap();
    in_time(terminate).await.unwrap().unwrap();
    assert_eq!(in_time(restart).await.unwrap().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_report_of_an_end_names_those_who_were_aborted_at_that_end() {
    let mut tree = Supervisor::builder("app");
    let (held, _) = working(&mut tree).await;
    let tree = tree.start().await.unwrap();
    for turn in 2..=4 {
        tokio::spawn({
            let held = held.clone();
            async move { held.work().await }
        });
        quiet().await;
        assert_eq!(held.restart().await.unwrap(), turn, "it is aborted when its time is up");
    }
    assert_eq!(tree.shutdown().await.aborted, []);
}
