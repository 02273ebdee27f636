//! Every way for a worker to end hands its tables on, with the reason.

use std::sync::Arc;

use heir_runtime::{ExitReason, Restart, Stopped};
use heir_tests::Recorder;
use heir_tests::waits::wait_until;
use tokio::sync::Notify;

use crate::pattern::start;
use crate::workers::{Counter, CounterHandle};

async fn next_has(counter: &CounterHandle, count: u64, reason: ExitReason, in_message: bool) {
    counter.wait_serving(2).await.unwrap();
    assert_eq!(counter.check().await.unwrap().1, count);
    let exit = counter.estate().last_exit().unwrap();
    assert_eq!((exit.reason, exit.in_message, exit.incarnation), (reason, in_message, 1));
}

#[tokio::test]
async fn a_normal_end_transfers_what_its_last_message_wrote() {
    let (counter, _tree, _) = start().await;
    counter.finish().await.unwrap();
    next_has(&counter, 1, ExitReason::Normal, false).await;
}

#[tokio::test]
async fn an_error_transfers_what_its_last_message_wrote() {
    let (counter, _tree, _) = start().await;
    counter.fail("disk full".into()).await.unwrap();
    next_has(&counter, 1, ExitReason::Error("disk full".into()), false).await;
}

#[tokio::test]
async fn a_panic_transfers_without_what_its_message_wrote() {
    let (counter, _tree, _) = start().await;
    counter.die().await.unwrap();
    next_has(&counter, 0, ExitReason::Panic("asked to die".into()), true).await;
}

#[tokio::test]
async fn a_kill_between_messages_transfers() {
    let (counter, _tree, _) = start().await;
    counter.count().await.unwrap();
    assert_eq!(counter.kill(), Some(1));
    assert_eq!(counter.kill(), None, "an incarnation is killed once");
    next_has(&counter, 1, ExitReason::Killed, false).await;
}

#[tokio::test]
async fn a_shutdown_transfers_to_the_estate() {
    let (counter, tree, _) = start().await;
    counter.count().await.unwrap();
    let report = tree.shutdown().await;
    assert_eq!((report.why, report.unresponsive), (Stopped::Shutdown, vec![]));
    assert_eq!(counter.estate().last_exit().unwrap().reason, ExitReason::Shutdown);
    assert_eq!(counter.estate().claim("test").unwrap().count, 1);
}

#[test]
fn the_end_of_the_runtime_transfers_to_the_estate_and_tells_the_callers() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let hanging = Arc::new(Notify::new());
    let (mut tree, _) = Recorder::tree();
    let counter = tree.worker(Counter::spec(Arc::clone(&hanging)).mailbox(4));
    let tree = runtime.block_on(tree.start()).unwrap();
    runtime.block_on(counter.count()).unwrap();

    let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let in_progress = {
        let counter = counter.clone();
        outside.spawn(async move { counter.count_and_hang().await })
    };
    // Wait until the handler hangs: then queue a second call behind it.
    outside.block_on(hanging.notified());
    let queued = {
        let counter = counter.clone();
        outside.spawn(async move { counter.count().await })
    };
    outside.block_on(async {
        wait_until(|| counter.queued() > 0).await;
    });
    drop(runtime);
    assert!(outside.block_on(in_progress).unwrap().is_err());
    assert!(outside.block_on(queued).unwrap().is_err());
    assert!(matches!(outside.block_on(counter.wait_stopped()), Stopped::Dropped));
    let tables = counter.estate().claim("test").unwrap();
    assert_eq!(tables.count, 1, "rolled back by the claim");
    drop(tree);
}

#[tokio::test]
async fn a_transient_worker_is_restarted_after_a_crash_and_not_after_a_normal_end() {
    let (mut tree, _) = Recorder::tree();
    let spec = Counter::spec(Arc::new(Notify::new())).restart(Restart::Transient);
    let counter = tree.worker(spec);
    let _tree = tree.start().await.unwrap();
    counter.die().await.unwrap();
    assert_eq!(counter.count().await.unwrap(), 1);
    counter.finish().await.unwrap();
    assert_eq!(counter.wait_stopped().await, Stopped::Ended(ExitReason::Normal));
    assert!(counter.count().await.is_err());
    assert_eq!(counter.estate().claim("test").unwrap().count, 2);
}

#[tokio::test]
async fn a_temporary_worker_is_never_restarted_and_its_tables_can_be_claimed() {
    let (mut tree, _) = Recorder::tree();
    let spec = Counter::spec(Arc::new(Notify::new())).restart(Restart::Temporary);
    let counter = tree.worker(spec);
    let _tree = tree.start().await.unwrap();
    counter.count().await.unwrap();
    counter.die().await.unwrap();
    assert_eq!(counter.wait_stopped().await, Stopped::Ended(ExitReason::Panic("asked to die".into())));
    assert_eq!(counter.incarnation(), 1);
    assert_eq!(counter.estate().claim("test").unwrap().count, 1);
}
