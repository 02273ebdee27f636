//! A start that somebody waits for: the tree's own, and that of one child.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::events::{Event, EventKind, Role};
use heir_runtime::supervision::AutoShutdown;
use heir_runtime::{
    Exit, ExitReason, Restart, StartError, Status, Stopped, Strategy, Supervisor, Verdict, handlers, heir,
};
use heir_tests::waits::{is_pending, quiet, wait_until};
use heir_tests::{Log, Recorder, event};

use super::actor::{Actor, Stage};
use super::{failing, member};

#[tokio::test(start_paused = true)]
async fn a_tree_whose_temporary_child_is_killed_before_it_is_up_does_not_start() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_start());
    let first = tree.child(Actor::spec(Stage::free()).name("first"));
    let brief = tree.child(Actor::spec(stage.clone()).name("brief").restart(Restart::Temporary));
    let last = tree.child(Actor::spec(Stage::free()).name("last"));
    let starting = tokio::spawn(tree.start());
    stage.starting.notified().await;
    brief.kill();
    let Err(StartError::Child { child, role, reason, .. }) = starting.await.unwrap() else {
        panic!("it started without one of its children");
    };
    assert_eq!((&*child, role, reason), ("brief", Role::Worker, ExitReason::Killed));
    assert!(matches!(first.status(), Status::Stopped(Stopped::NotStarted(_))));
    assert_eq!(last.incarnation(), 0, "it was not its turn");
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_transient_child_ends_normally_before_it_is_up_does_not_start() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_start());
    let brief = tree.child(Actor::spec(stage.clone()).name("brief").restart(Restart::Transient));
    let starting = tokio::spawn(tree.start());
    stage.starting.notified().await;
    brief.exit(ExitReason::Shutdown);
    let error = starting.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the worker of `brief` did not start: shutdown");
}

#[tokio::test(start_paused = true)]
async fn a_tree_starts_whose_transient_child_has_been_up_and_has_done_its_work() {
    let (log, mut tree) = (Log::default(), Supervisor::builder("app"));
    let brief = tree.child(member("brief", &log).restart(Restart::Transient));
    let last = tree.child(member("last", &log));
    // It serves this at once: its supervisor sees that it was up when it has ended already.
    brief.try_finish().unwrap();
    let _tree = tree.start().await.unwrap();
    assert_eq!(brief.wait_stopped().await, Stopped::Ended(ExitReason::Normal));
    assert_eq!(last.count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tree_starts_without_a_child_that_was_stopped_on_request_before_it_was_up() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_start());
    let unwanted = tree.child(Actor::spec(stage.clone()).name("unwanted"));
    let last = tree.child(Actor::spec(Stage::free()).name("last"));
    let starting = tokio::spawn(tree.start());
    stage.starting.notified().await;
    assert_eq!(unwanted.stop().await, Stopped::Shutdown);
    let _tree = starting.await.unwrap().unwrap();
    assert_eq!(last.count().await.unwrap(), 1);
}

/// Its tables are trusted by nobody once an incarnation has had them.
#[heir]
struct Distrusted {
    #[table(keep)]
    count: u32,
    #[arg]
    stage: Stage,
}

#[handlers]
impl Distrusted {
    #[on(start)]
    async fn start(&mut self) {
        self.count += 1;
        self.stage.starting.notify_one();
        std::future::pending().await
    }

    #[on(verify)]
    fn verify(_: &mut DistrustedTables, _: &Exit) -> Verdict {
        Verdict::quarantine("by the test")
    }
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_child_is_stopped_for_its_tables_before_it_is_up_does_not_start() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::free());
    let spec = Distrusted::spec(stage.clone()).quarantine(heir_runtime::AfterQuarantine::Stop);
    let distrusted = tree.child(spec);
    let starting = tokio::spawn(tree.start());
    stage.starting.notified().await;
    distrusted.kill();
    let why = Stopped::Quarantined("by the test".into());
    assert_eq!(starting.await.unwrap().unwrap_err(), StartError::Stopped(why.clone()));
    assert_eq!(distrusted.wait_stopped().await, why);
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_transient_subtree_ends_before_it_is_up_does_not_start() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_start());
    let mut io = Supervisor::builder("io").auto_shutdown(AutoShutdown::AnySignificant);
    let done = Actor::spec(Stage::free()).name("done").restart(Restart::Transient).significant(true);
    let done = io.child(done);
    io.child(Actor::spec(stage.clone()).name("slow"));
    tree.child(io.restart(Restart::Transient));
    let starting = tokio::spawn(tree.start());
    stage.starting.notified().await;
    done.exit(ExitReason::Shutdown);
    let error = starting.await.unwrap().unwrap_err();
    let words = "the supervisor of `io` did not start: shutdown: its significant child `done` has ended";
    assert_eq!(error.to_string(), words);
}

#[tokio::test(start_paused = true)]
async fn whoever_starts_a_child_is_told_what_it_ended_for_before_it_was_up() {
    let (tree, stage) = (Supervisor::builder("app").start().await.unwrap(), Stage::holding_its_start());
    let (told, seen) = (Arc::new(tree), stage.clone());
    let spec = Actor::spec(stage).name("brief").registered("brief").restart(Restart::Transient);
    let starting = tokio::spawn({
        let tree = Arc::clone(&told);
        async move { tree.start_child(spec).await }
    });
    seen.starting.notified().await;
    told.whereis::<Actor>("brief").unwrap().exit(ExitReason::Shutdown);
    let error = starting.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the worker of `brief` did not start: shutdown");
    assert_eq!(told.count_children().specs, 0, "it is gone");
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_is_started_again_is_up_when_its_children_are() {
    let (tree, stage) =
        (Supervisor::builder("app").strategy(Strategy::OneForAll), Stage::holding_its_start());
    let (mut tree, mut io) = (tree, Supervisor::builder("io"));
    io.child(Actor::spec(stage.clone()).name("slow"));
    tree.child(io);
    let last = tree.child(Actor::spec(Stage::free()).name("last"));
    stage.go_on.notify_one();
    let _tree = tree.start().await.unwrap();
    stage.starting.notified().await;
    last.kill();
    stage.starting.notified().await;
    quiet().await;
    assert_eq!(last.incarnation(), 1, "the one before it is not up yet");
    stage.go_on.notify_one();
    last.wait_serving(2).await.unwrap();
}

/// A terminated child that dies of its first message, and whose start after that fails; and whoever asks for it and looks at
/// the answer when its fate is sealed.
#[tokio::test(start_paused = true)]
async fn a_start_that_fails_after_one_that_succeeded_is_a_restart_that_fails() {
    let (log, failures) = (Log::default(), Arc::<AtomicU32>::default());
    let (tree, recorder) = Recorder::tree();
    let mut tree = tree.observe({
        let failures = Arc::clone(&failures);
        move |event: &Event| {
            if matches!(event.kind, EventKind::Serving { incarnation: 2, .. }) {
                failures.store(1, Ordering::Relaxed);
            }
        }
    });
    let child = tree.child(failing("child", &log, &failures));
    let tree = tree.start().await.unwrap();
    tree.terminate_child("child").await.unwrap();
    child.try_die().unwrap();
    let mut asked = pin!(tree.restart_child("child"));
    assert!(is_pending(asked.as_mut()).await);
    recorder.until(event!(Serving { incarnation: 2, .. })).await;
    wait_until(|| matches!(child.status(), Status::Serving { incarnation: 4 } | Status::Terminated)).await;
    assert_eq!(child.status(), Status::Serving { incarnation: 4 });
    assert_eq!(asked.await, Ok(()));
    assert_eq!(
        log.take(),
        ["child starts", "child stops: shutdown", "child starts", "child fails", "child starts"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_up_before_it_was_terminated_again_has_started() {
    let (log, mut tree) = (Log::default(), Supervisor::builder("app"));
    let child = tree.child(member("child", &log));
    let tree = tree.start().await.unwrap();
    tree.terminate_child("child").await.unwrap();
    let mut asked = pin!(tree.restart_child("child"));
    assert!(is_pending(asked.as_mut()).await);
    child.wait_serving(2).await.unwrap();
    tree.terminate_child("child").await.unwrap();
    assert_eq!(asked.await, Ok(()));
}
