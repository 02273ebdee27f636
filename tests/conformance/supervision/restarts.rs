//! When a child is restarted: permanent, transient, temporary; and when a supervisor gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heir_runtime::{ExitReason, Restart, Stopped, Supervisor};
use heir_tests::Log;
use heir_tests::waits::quiet;

use super::{failing, member};

#[tokio::test(start_paused = true)]
async fn a_permanent_child_is_always_restarted() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).restart(Restart::Permanent));
    let _tree = tree.start().await.unwrap();
    a.finish().await.unwrap();
    a.wait_serving(2).await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(3).await.unwrap();
    a.kill();
    a.wait_serving(4).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_is_restarted_unless_it_ended_normally() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).restart(Restart::Transient));
    let tree = tree.start().await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    a.kill();
    a.wait_serving(3).await.unwrap();
    a.finish().await.unwrap();
    assert_eq!(a.wait_stopped().await, Stopped::Ended(ExitReason::Normal));
    assert!(a.count().await.is_err());
    assert_eq!(tree.count_children().active, 0);
    assert_eq!(tree.count_children().specs, 1, "it is still known");
}

#[test]
fn normal_shutdown_and_shutdown_with_a_reason_are_normal_ends() {
    let normal = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::ShutdownWith("moved".into())];
    assert!(normal.iter().all(ExitReason::is_normal));
    let abnormal = [ExitReason::Killed, ExitReason::error("e"), ExitReason::Panic("p".into())];
    assert!(!abnormal.iter().any(ExitReason::is_normal));
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_is_never_restarted_and_forgotten() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).restart(Restart::Temporary));
    let tree = tree.start().await.unwrap();
    a.die().await.unwrap();
    assert!(matches!(a.wait_stopped().await, Stopped::Ended(ExitReason::Panic(_))));
    assert_eq!(tree.count_children().specs, 0);
    let b = tree.start_child(member("a", &log)).await.unwrap();
    b.count().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_counts_in_the_intensity() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(0));
    let mut tree = Supervisor::builder("app").intensity(3).period(Duration::from_secs(5));
    let a = tree.child(failing("a", &log, &failures).crash_loop(None));
    let mut tree = tree.start().await.unwrap();
    a.count().await.unwrap();
    failures.store(u32::MAX, Ordering::Relaxed);
    a.die().await.unwrap();
    let why = tree.wait().await.why;
    assert_eq!(why, Stopped::GaveUp(ExitReason::error("not yet")));
    assert_eq!(log.take().iter().filter(|words| *words == "a fails").count(), 3);
    assert_eq!(a.estate().claim("test").unwrap().count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_counts_for_the_whole_of_the_period() {
    const PERIOD: Duration = Duration::from_secs(5);
    let log = Log::default();
    for (later, survives) in [(PERIOD, false), (PERIOD + Duration::from_millis(1), true)] {
        let mut tree = Supervisor::builder("app").intensity(1).period(PERIOD);
        let a = tree.child(member("a", &log));
        let _tree = tree.start().await.unwrap();
        let begin = tokio::time::Instant::now();
        a.kill();
        a.wait_serving(2).await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
        tokio::time::advance(later).await;
        a.kill();
        assert_eq!(a.wait_serving(3).await.is_ok(), survives, "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_restarts_of_all_children_count_together() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").intensity(2);
    let [a, b] = super::members(&mut tree, &log, ["a", "b"]);
    let mut tree = tree.start().await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    b.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    quiet().await;
    a.die().await.unwrap();
    assert!(matches!(tree.wait().await.why, Stopped::GaveUp(_)));
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_lies_between_two_messages_and_counts_for_nothing() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").intensity(0);
    let [a, b] = super::members(&mut tree, &log, ["a", "b"]);
    let _tree = tree.start().await.unwrap();
    log.take();
    assert_eq!(a.count().await.unwrap(), 1);
    assert_eq!(a.restart().await.unwrap(), 2);
    assert_eq!(a.restart().await.unwrap(), 3);
    assert_eq!(a.count().await.unwrap(), 2);
    assert_eq!(b.incarnation(), 1);
    assert_eq!(log.take(), ["a stops: shutdown", "a starts", "a stops: shutdown", "a starts"]);
    assert_eq!(a.estate().last_exit().unwrap().reason, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_is_restarted_on_request_too() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let a = tree.child(member("a", &log).restart(Restart::Transient));
    let _tree = tree.start().await.unwrap();
    assert_eq!(a.restart().await.unwrap(), 2);
    a.stop().await;
    assert_eq!(a.restart().await.unwrap_err(), Stopped::Shutdown);
}
