//! Children that are started, terminated, restarted and deleted while their supervisor runs.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::supervision::{ChildError, TreeNode};
use heir_runtime::{ExitReason, Restart, StartError, Status, Stopped, Strategy, Supervisor};
use heir_tests::Log;
use heir_tests::waits::{is_pending, quiet, wait_until};

use super::{failing, member, members};

#[tokio::test(start_paused = true)]
async fn a_child_started_later_is_supervised_like_the_others() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a] = members(&mut tree, &log, ["a"]);
    let tree = tree.start().await.unwrap();
    let b = tree.start_child(member("b", &log)).await.unwrap();
    assert_eq!(b.count().await.unwrap(), 1);
    log.take();
    a.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    assert_eq!(log.take(), ["b stops: shutdown", "a starts", "b starts"]);
    assert_eq!(b.count().await.unwrap(), 2);
    tree.shutdown().await;
    assert_eq!(log.take(), ["b stops: shutdown", "a stops: shutdown"]);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_can_be_started_later() {
    let log = Log::default();
    let tree = Supervisor::builder("app").start().await.unwrap();
    let mut io = Supervisor::builder("io").intensity(0);
    let [a] = members(&mut io, &log, ["a"]);
    let io = tree.start_child(io).await.unwrap();
    let b = io.start_child(member("b", &log)).await.unwrap();
    b.count().await.unwrap();
    a.die().await.unwrap();
    assert_eq!(b.wait_serving(2).await.unwrap(), 2);
    assert_eq!(b.count().await.unwrap(), 2, "also what was started later is restarted with its tables");
    assert_eq!(tree.count_children().supervisors, 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_start_is_gone_and_the_error_says_why() {
    let log = Log::default();
    let tree = Supervisor::builder("app").intensity(0).start().await.unwrap();
    let error = tree.start_child(failing("a", &log, &Arc::new(AtomicU32::new(1)))).await.unwrap_err();
    assert_eq!(error.to_string(), "the worker of `a` did not start: error: not yet");
    assert_eq!(tree.count_children().specs, 0);
    let a = tree.start_child(member("a", &log)).await.unwrap();
    a.count().await.unwrap();
}

/// Begins what is asked, and looks at the answer only when the child has been up and has gone down again.
async fn looks_late<R>(asked: impl Future<Output = R>, until: impl Fn() -> bool) -> R {
    let mut asked = pin!(asked);
    assert!(is_pending(asked.as_mut()).await, "it is not done at once");
    wait_until(until).await;
    asked.await
}

#[tokio::test(start_paused = true)]
async fn a_start_that_succeeded_has_succeeded_though_the_child_has_gone_down_since() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").intensity(1_000);
    let [a] = members(&mut tree, &log, ["a"]);
    let tree = tree.start().await.unwrap();
    tree.terminate_child("a").await.unwrap();
    a.try_die().unwrap();
    let restarted =
        looks_late(tree.restart_child("a"), || a.status() == Status::Serving { incarnation: 3 }).await;
    assert_eq!(restarted, Ok(()));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_is_given_once() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let [a] = members(&mut tree, &log, ["a"]);
    let tree = tree.start().await.unwrap();
    let twice = tree.start_child(member("a", &log)).await.unwrap_err();
    assert_eq!(twice, StartError::DuplicateName("a".into()));
    // Also while it is terminated.
    tree.terminate_child("a").await.unwrap();
    let twice = tree.start_child(member("a", &log)).await.unwrap_err();
    assert_eq!(twice, StartError::DuplicateName("a".into()));
    tree.delete_child("a").await.unwrap();
    assert_eq!(a.wait_stopped().await, Stopped::Shutdown);
    tree.start_child(member("a", &log)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_terminated_child_waits_to_be_restarted_with_its_tables_and_messages() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let [a, _b] = members(&mut tree, &log, ["a", "b"]);
    let tree = tree.start().await.unwrap();
    a.count().await.unwrap();
    tree.terminate_child("a").await.unwrap();
    assert_eq!(a.status(), Status::Terminated);
    assert!(a.estate().claim("thief").is_err(), "its tables wait for it");
    let waiting = tokio::spawn({
        let a = a.clone();
        async move { a.count().await }
    });
    quiet().await;
    assert_eq!(a.queued(), 1);
    tree.terminate_child("a").await.unwrap();
    tree.restart_child("a").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), 2);
    assert_eq!(tree.restart_child("a").await.unwrap_err(), ChildError::Running);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_leaves_the_child_terminated() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(0));
    let mut tree = Supervisor::builder("app").intensity(0);
    let a = tree.child(failing("a", &log, &failures));
    let tree = tree.start().await.unwrap();
    a.count().await.unwrap();
    tree.terminate_child("a").await.unwrap();
    failures.store(1, Ordering::Relaxed);
    let error = tree.restart_child("a").await.unwrap_err();
    assert!(matches!(error, ChildError::NotStarted(StartError::Child { .. })), "{error}");
    quiet().await;
    assert_eq!(a.status(), Status::Terminated);
    tree.restart_child("a").await.unwrap();
    assert_eq!(a.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_terminated_child_is_started_with_its_group() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a, b] = members(&mut tree, &log, ["a", "b"]);
    let tree = tree.start().await.unwrap();
    tree.terminate_child("b").await.unwrap();
    log.take();
    a.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    assert_eq!(log.take(), ["a starts", "b starts"]);
}

#[tokio::test(start_paused = true)]
async fn a_terminated_temporary_child_is_gone() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).restart(Restart::Temporary));
    let tree = tree.start().await.unwrap();
    tree.terminate_child("a").await.unwrap();
    assert_eq!(a.wait_stopped().await, Stopped::Shutdown);
    assert_eq!(tree.restart_child("a").await.unwrap_err(), ChildError::NotFound("a".into()));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_runs_cannot_be_deleted_and_one_that_ended_can() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).restart(Restart::Transient));
    let tree = tree.start().await.unwrap();
    assert_eq!(tree.delete_child("a").await.unwrap_err(), ChildError::Running);
    a.finish().await.unwrap();
    assert_eq!(a.wait_stopped().await, Stopped::Ended(ExitReason::Normal));
    assert_eq!(tree.restart_child("a").await.unwrap_err(), ChildError::Ended);
    assert_eq!(tree.terminate_child("a").await.unwrap_err(), ChildError::Ended);
    tree.delete_child("a").await.unwrap();
    assert_eq!(tree.delete_child("a").await.unwrap_err(), ChildError::NotFound("a".into()));
    assert_eq!(tree.count_children().specs, 0);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_is_terminated_and_restarted_as_one_child() {
    let log = Log::default();
    let mut io = Supervisor::builder("io");
    let [a, b] = members(&mut io, &log, ["a", "b"]);
    let mut tree = Supervisor::builder("app");
    tree.child(io);
    let tree = tree.start().await.unwrap();
    a.count().await.unwrap();
    log.take();
    tree.terminate_child("io").await.unwrap();
    assert_eq!(log.take(), ["b stops: shutdown", "a stops: shutdown"]);
    assert_eq!(tree.count_children().active, 0);
    tree.restart_child("io").await.unwrap();
    assert_eq!(log.take(), ["a starts", "b starts"]);
    assert_eq!(a.count().await.unwrap(), 2);
    b.count().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn which_children_there_are_is_told_in_their_order() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    members(&mut tree, &log, ["b", "a"]);
    tree.child(Supervisor::builder("io"));
    let tree = tree.start().await.unwrap();
    tree.terminate_child("a").await.unwrap();
    let children = tree.which_children();
    let told: Vec<_> = children.iter().map(|child| (child.name(), child.is_active())).collect();
    assert_eq!(told, [("b", true), ("a", false), ("io", true)]);
    assert!(
        matches!(&children[0], TreeNode::Worker(worker) if worker.status == Status::Serving { incarnation: 1 })
    );
    let counts = tree.count_children();
    assert_eq!((counts.specs, counts.active, counts.supervisors, counts.workers), (3, 2, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_gone_says_so() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let [a] = members(&mut tree, &log, ["a"]);
    let tree = tree.start().await.unwrap();
    let handle = heir_runtime::SupervisorHandle::clone(&tree);
    tree.shutdown().await;
    assert_eq!(handle.wait_stopped().await, Stopped::Shutdown);
    let late = handle.start_child(member("b", &log)).await.unwrap_err();
    assert_eq!(late, StartError::Stopped(Stopped::Shutdown));
    assert_eq!(handle.terminate_child("a").await.unwrap_err(), ChildError::Gone);
    assert_eq!(handle.restart_child("nobody").await.unwrap_err(), ChildError::NotFound("nobody".into()));
    a.wait_stopped().await;
}
