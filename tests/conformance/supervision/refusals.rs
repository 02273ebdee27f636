//! What a supervisor refuses at once, because it or the child is being stopped.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::supervision::ChildError;
use heir_runtime::{Shutdown, Spec, StartError, Status, Stopped, Supervisor, SupervisorHandle};
use heir_tests::waits::quiet;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::actor::{Actor, Stage};

fn actor(name: &'static str, stage: &Stage) -> Spec<Actor> {
    Actor::spec(stage.clone()).name(name).shutdown(Shutdown::Timeout(Duration::MAX))
}

/// Without a wait for the end that is under way.
async fn at_once<R>(asked: impl Future<Output = R>) -> R {
    timeout(Duration::from_hours(1), asked).await.expect("it waits for the end")
}

/// A child that has been asked to stop, and holds its stop.
struct Terminating {
    tree: Arc<Supervisor>,
    stage: Stage,
    terminated: JoinHandle<Result<(), ChildError>>,
}

async fn terminating() -> Terminating {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_stop());
    tree.child(actor("child", &stage));
    let tree = Arc::new(tree.start().await.unwrap());
    let terminated = tokio::spawn({
        let tree = Arc::clone(&tree);
        async move { tree.terminate_child("child").await }
    });
    stage.stopping.notified().await;
    Terminating { tree, stage, terminated }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_being_terminated_is_not_restarted_by_its_name() {
    let Terminating { tree, stage, terminated } = terminating().await;
    assert_eq!(at_once(tree.restart_child("child")).await, Err(ChildError::Ending));
    stage.go_on.notify_one();
    terminated.await.unwrap().unwrap();
    quiet().await;
    assert_eq!(tree.count_children().active, 0, "it stays terminated");
    tree.restart_child("child").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_being_terminated_is_not_deleted() {
    let Terminating { tree, stage, terminated } = terminating().await;
    assert_eq!(at_once(tree.delete_child("child")).await, Err(ChildError::Running));
    stage.go_on.notify_one();
    terminated.await.unwrap().unwrap();
    assert_eq!(tree.count_children().specs, 1);
    tree.delete_child("child").await.unwrap();
}

/// A tree with a terminated child that has been asked to stop, and whose last child holds its stop.
async fn ending() -> (SupervisorHandle, Stage, JoinHandle<heir_runtime::supervision::ShutdownReport>) {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_stop());
    let terminated = tree.child(actor("terminated", &Stage::free()));
    tree.child(actor("last", &stage));
    let tree = tree.start().await.unwrap();
    tree.terminate_child("terminated").await.unwrap();
    assert_eq!(terminated.status(), Status::Terminated);
    let handle = SupervisorHandle::clone(&tree);
    let end = tokio::spawn(tree.shutdown());
    stage.stopping.notified().await;
    (handle, stage, end)
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_ends_takes_no_child() {
    let (tree, stage, end) = ending().await;
    let refused = at_once(tree.start_child(actor("late", &Stage::free()))).await.unwrap_err();
    assert_eq!(refused, StartError::Stopped(Stopped::Shutdown));
    assert_eq!(tree.count_children().specs, 2);
    stage.go_on.notify_one();
    end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_ends_restarts_no_child() {
    let (tree, stage, end) = ending().await;
    assert_eq!(at_once(tree.restart_child("terminated")).await, Err(ChildError::Ending));
    stage.go_on.notify_one();
    end.await.unwrap();
}
