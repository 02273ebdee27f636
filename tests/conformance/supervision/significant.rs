//! Supervisors that end with their significant children.

use heir_runtime::supervision::AutoShutdown;
use heir_runtime::{ExitReason, Restart, StartError, Stopped, Supervisor, SupervisorBuilder};
use heir_tests::Log;
use heir_tests::waits::quiet;

use super::{MemberHandle, member};

fn two_significant(auto: AutoShutdown, log: &Log) -> (SupervisorBuilder, [MemberHandle; 3]) {
    let mut tree = Supervisor::builder("app").auto_shutdown(auto);
    let a = tree.child(member("a", log).restart(Restart::Transient).significant(true));
    let b = tree.child(member("b", log).restart(Restart::Temporary).significant(true));
    let c = tree.child(member("c", log));
    (tree, [a, b, c])
}

#[tokio::test(start_paused = true)]
async fn any_significant_child_that_ends_ends_its_supervisor() {
    let log = Log::default();
    let (tree, [a, b, c]) = two_significant(AutoShutdown::AnySignificant, &log);
    let mut tree = tree.start().await.unwrap();
    log.take();
    // A transient one that is restarted has not ended.
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    a.finish().await.unwrap();
    assert_eq!(tree.wait().await.why, Stopped::Significant("a".into()));
    assert_eq!(a.wait_stopped().await, Stopped::Ended(ExitReason::Normal));
    assert_eq!(c.wait_stopped().await, Stopped::Significant("a".into()));
    b.wait_stopped().await;
    assert_eq!(log.take(), ["a starts", "a stops: normal", "c stops: shutdown", "b stops: shutdown"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_significant_child_that_ends_ends_its_supervisor() {
    let log = Log::default();
    let (tree, [a, b, c]) = two_significant(AutoShutdown::AllSignificant, &log);
    let mut tree = tree.start().await.unwrap();
    b.die().await.unwrap();
    b.wait_stopped().await;
    quiet().await;
    c.count().await.unwrap();
    a.finish().await.unwrap();
    assert_eq!(tree.wait().await.why, Stopped::Significant("a".into()));
}

#[tokio::test(start_paused = true)]
async fn a_significant_child_that_is_stopped_on_request_does_not_count() {
    let log = Log::default();
    let (tree, [a, b, c]) = two_significant(AutoShutdown::AnySignificant, &log);
    let tree = tree.start().await.unwrap();
    a.stop().await;
    tree.terminate_child("b").await.unwrap();
    b.wait_stopped().await;
    quiet().await;
    c.count().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_significant_child_must_be_able_to_end_and_somebody_must_look() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").auto_shutdown(AutoShutdown::AnySignificant);
    tree.child(member("a", &log).significant(true));
    assert_eq!(tree.start().await.unwrap_err(), StartError::SignificantPermanent("a".into()));

    let mut tree = Supervisor::builder("app");
    tree.child(member("a", &log).restart(Restart::Transient).significant(true));
    assert_eq!(tree.start().await.unwrap_err(), StartError::SignificantForNobody("a".into()));
    assert_eq!(log.take(), [""; 0], "nothing was started");
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_ends_with_its_significant_child_ends_as_if_shut_down() {
    let log = Log::default();
    let mut io =
        Supervisor::builder("io").auto_shutdown(AutoShutdown::AnySignificant).restart(Restart::Transient);
    let a = io.child(member("a", &log).restart(Restart::Transient).significant(true));
    let mut tree = Supervisor::builder("app");
    let io = tree.child(io);
    let b = tree.child(member("b", &log));
    let _tree = tree.start().await.unwrap();
    a.finish().await.unwrap();
    let Stopped::Ended(reason) = io.wait_stopped().await else { panic!("{:?}", io.status()) };
    assert_eq!(reason.to_string(), "shutdown: its significant child `a` has ended");
    b.count().await.unwrap();
}
