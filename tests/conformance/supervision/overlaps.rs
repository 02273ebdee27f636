//! Something ends, or is asked for, in the middle of something else.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use heir_runtime::supervision::AutoShutdown;
use heir_runtime::{ExitReason, Restart, Shutdown, Spec, Stopped, Strategy, Supervisor, SupervisorHandle};
use heir_tests::waits::{is_pending, quiet};
use heir_tests::{Recorder, event};

use super::actor::{Actor, Stage};

fn actor(name: &'static str, stage: &Stage) -> Spec<Actor> {
    Actor::spec(stage.clone()).name(name).shutdown(Shutdown::Timeout(Duration::MAX))
}

fn free(name: &'static str) -> Spec<Actor> {
    actor(name, &Stage::free())
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_ends_while_its_worker_is_renewed_is_followed_at_once() {
    let ((mut tree, recorder), stage) = (Recorder::tree(), Stage::holding_its_stop());
    let worker = tree.worker(actor("worker", &stage));
    let _tree = tree.start().await.unwrap();
    let renewed = tokio::spawn({
        let worker = worker.clone();
        async move { worker.restart().await }
    });
    stage.stopping.notified().await;
    recorder.clear();
    assert!(worker.kill_manager());
    recorder.until(event!(ManagerStarted)).await;
    assert!(!renewed.is_finished());
    stage.go_on.notify_one();
    assert_eq!(renewed.await.unwrap().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_ends_while_its_worker_is_stopped_with_others_is_followed_at_once() {
    let ((tree, recorder), stage) = (Recorder::tree(), Stage::holding_its_stop());
    let mut tree = tree.strategy(Strategy::OneForAll);
    let worker = tree.worker(actor("worker", &stage));
    let other = tree.worker(free("other"));
    let _tree = tree.start().await.unwrap();
    other.kill();
    stage.stopping.notified().await;
    recorder.clear();
    assert!(worker.kill_manager());
    recorder.until(event!(ManagerStarted)).await;
    assert_eq!(worker.incarnation(), 1);
    stage.go_on.notify_one();
    assert_eq!((worker.count().await.unwrap(), worker.incarnation()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_manager_of_a_temporary_worker_that_ends_is_followed_and_the_worker_serves_on() {
    let (mut tree, recorder) = Recorder::tree();
    let worker = tree.worker(free("worker").restart(Restart::Temporary));
    let _tree = tree.start().await.unwrap();
    recorder.clear();
    assert!(worker.kill_manager());
    recorder.until(event!(ManagerStarted)).await;
    quiet().await;
    assert_eq!((worker.count().await.unwrap(), worker.incarnation()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_does_not_end_with_a_child_that_is_not_significant() {
    let mut tree = Supervisor::builder("app").auto_shutdown(AutoShutdown::AnySignificant);
    let insignificant = tree.child(free("insignificant").restart(Restart::Temporary));
    let significant = tree.child(free("significant").restart(Restart::Temporary).significant(true));
    let tree = tree.start().await.unwrap();
    insignificant.kill();
    insignificant.wait_stopped().await;
    quiet().await;
    assert_eq!(significant.count().await.unwrap(), 1);
    significant.kill();
    assert!(matches!(SupervisorHandle::wait_stopped(&tree).await, Stopped::Significant(_)));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_in_the_middle_of_a_cycle_begins_it_again_where_it_began() {
    let (mut tree, stage) = (Supervisor::builder("app").intensity(u32::MAX), Stage::free());
    tree = tree.strategy(Strategy::RestForOne);
    let first = tree.child(free("first"));
    let second = tree.child(free("second"));
    let third = tree.child(actor("third", &stage));
    let _tree = tree.start().await.unwrap();
    stage.fails.store(1, Ordering::Relaxed);
    second.kill();
    third.wait_serving(3).await.unwrap();
    assert_eq!([&first, &second, &third].map(|child| child.incarnation()), [1, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_renewed_while_it_is_stopped_with_others_is_started_once() {
    let ((tree, _), stage) = (Recorder::tree(), Stage::holding_its_stop());
    let mut tree = tree.strategy(Strategy::OneForAll);
    let worker = tree.worker(actor("worker", &stage));
    let other = tree.worker(free("other"));
    let _tree = tree.start().await.unwrap();
    let renewed = tokio::spawn({
        let worker = worker.clone();
        async move { worker.restart().await }
    });
    stage.stopping.notified().await;
    other.kill();
    quiet().await;
    stage.go_on.notify_one();
    assert_eq!(renewed.await.unwrap().unwrap(), 2);
    stage.go_on.notify_one();
    quiet().await;
    assert_eq!((worker.count().await.unwrap(), worker.incarnation(), other.incarnation()), (1, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_renewed_before_its_turn_is_started_in_its_turn() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_start());
    tree.child(actor("first", &stage));
    let second = tree.child(free("second"));
    let starting = tokio::spawn(tree.start());
    stage.starting.notified().await;
    let mut renewed = pin!(second.restart());
    assert!(is_pending(renewed.as_mut()).await);
    quiet().await;
    assert_eq!(second.incarnation(), 0, "the first one is not up yet");
    stage.go_on.notify_one();
    let _tree = starting.await.unwrap().unwrap();
    assert_eq!(second.count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_reason_for_the_end_of_a_supervisor_holds() {
    let (mut tree, stage) = (Supervisor::builder("app").intensity(0), Stage::holding_its_stop());
    tree.child(actor("slow", &stage));
    let child = tree.child(free("child"));
    let tree = tree.start().await.unwrap();
    child.kill();
    stage.stopping.notified().await;
    let end = tokio::spawn(tree.shutdown());
    quiet().await;
    stage.go_on.notify_one();
    let why = end.await.unwrap().why;
    assert!(matches!(why, Stopped::GaveUp(ExitReason::Killed)), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_stop_changes_nothing_of_why_a_supervisor_ends_already() {
    let (mut tree, stage) = (Supervisor::builder("app").intensity(0), Stage::holding_its_stop());
    tree.child(actor("slow", &stage));
    let child = tree.child(free("child"));
    let mut tree = tree.start().await.unwrap();
    child.kill();
    stage.stopping.notified().await;
    let handle = SupervisorHandle::clone(&tree);
    let stopped = tokio::spawn(async move { handle.stop().await });
    quiet().await;
    stage.go_on.notify_one();
    let gave_up = Stopped::GaveUp(ExitReason::Killed);
    assert_eq!((tree.wait().await.why, stopped.await.unwrap()), (gave_up.clone(), gave_up));
}
