//! Pause and resume: a worker that serves nothing, and is otherwise as alive as any.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::links::ExitSignal;
use heir_runtime::{ExitReason, Stopped, SupervisorBuilder, handlers, heir};
use heir_tests::Recorder;
use heir_tests::waits::{quiet, wait_until};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::workers::{Counter, CounterHandle};

fn counter() -> (SupervisorBuilder, CounterHandle, Arc<Notify>) {
    let (mut tree, _) = Recorder::tree();
    let hanging = Arc::new(Notify::new());
    let counter = tree.worker(Counter::spec(Arc::clone(&hanging)));
    (tree, counter, hanging)
}

/// A call that is queued when this returns.
async fn queued(counter: &CounterHandle) -> JoinHandle<Result<u64, heir_runtime::CallError>> {
    let before = counter.queued();
    let call = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count().await }
    });
    wait_until(|| counter.queued() != before).await;
    call
}

#[tokio::test(start_paused = true)]
async fn a_paused_worker_queues_what_is_sent_and_serves_it_when_it_is_resumed() {
    let (tree, counter, _) = counter();
    let _tree = tree.start().await.unwrap();
    assert!(!counter.is_paused());
    counter.pause().await.unwrap();
    counter.pause().await.unwrap();
    assert!(counter.is_paused());
    let call = queued(&counter).await;
    quiet().await;
    assert!(!call.is_finished());
    counter.resume();
    assert_eq!(call.await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn pausing_waits_for_the_message_in_progress_and_for_nothing_else() {
    let (tree, counter, hanging) = counter();
    let _tree = tree.start().await.unwrap();
    let in_progress = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hanging.notified().await;
    let behind = queued(&counter).await;
    let pausing = tokio::spawn({
        let counter = counter.clone();
        async move { counter.pause().await }
    });
    quiet().await;
    assert!(!pausing.is_finished());
    counter.kill();
    pausing.await.unwrap().unwrap();
    assert!(in_progress.await.unwrap().is_err());
    assert_eq!(counter.wait_serving(2).await.unwrap(), 2, "it was started again");
    assert!(counter.is_paused() && !behind.is_finished());
    counter.resume();
    assert_eq!(behind.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_pause_outlives_the_incarnations_that_are_killed_in_it() {
    let (tree, counter, _) = counter();
    let _tree = tree.start().await.unwrap();
    counter.pause().await.unwrap();
    let call = queued(&counter).await;
    for killed in 1..=3 {
        counter.wait_serving(killed).await.unwrap();
        assert_eq!(counter.kill(), Some(killed));
    }
    counter.wait_serving(4).await.unwrap();
    assert!(!call.is_finished());
    counter.resume();
    assert_eq!(call.await.unwrap().unwrap(), 1);
    assert_eq!(counter.incarnation(), 4);
}

#[tokio::test]
async fn a_worker_paused_before_its_start_starts_and_serves_nothing() {
    let (tree, counter, _) = counter();
    counter.pause().await.unwrap();
    let call = queued(&counter).await;
    let _tree = tree.start().await.unwrap();
    assert!(!call.is_finished());
    counter.resume();
    assert_eq!(call.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_paused_worker_stops_like_any_and_its_callers_are_told() {
    let (tree, counter, _) = counter();
    let tree = tree.start().await.unwrap();
    counter.count().await.unwrap();
    counter.pause().await.unwrap();
    let call = queued(&counter).await;
    let report = tree.shutdown().await;
    assert_eq!((report.why, report.unresponsive), (Stopped::Shutdown, vec![]));
    assert!(call.await.unwrap().is_err());
    assert_eq!(counter.pause().await, Err(Stopped::Shutdown));
    assert!(!counter.is_paused());
    assert_eq!(counter.estate().claim("test").unwrap().count, 1);
}

#[tokio::test]
async fn whoever_waits_for_a_pause_is_told_that_the_worker_has_stopped_or_was_resumed() {
    let (tree, counter, hanging) = counter();
    let tree = tree.start().await.unwrap();
    tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hanging.notified().await;
    let pause = || {
        let counter = counter.clone();
        tokio::spawn(async move { counter.pause().await })
    };
    let resumed = pause();
    wait_until(|| counter.is_paused()).await;
    counter.resume();
    assert_eq!(resumed.await.unwrap(), Ok(()));
    let stopped = pause();
    wait_until(|| counter.is_paused()).await;
    drop(tree);
    assert_eq!(stopped.await.unwrap(), Err(Stopped::Dropped));
}

/// Takes its time over what is no message.
#[heir]
struct Deliberate {
    #[table(keep)]
    served: u64,
    /// Told when a hook runs.
    #[arg]
    begins: Arc<Notify>,
    /// What its hooks wait for.
    #[arg]
    goes_on: Arc<Notify>,
}

#[handlers]
impl Deliberate {
    fn serve(&mut self) -> u64 {
        self.served += 1;
        self.served
    }

    #[on(exit)]
    async fn exited(&mut self, _signal: &ExitSignal) {
        self.begins.notify_one();
        self.goes_on.notified().await;
    }

    #[on(stop)]
    async fn stopped(&mut self, _reason: &ExitReason) {
        self.begins.notify_one();
        self.goes_on.notified().await;
    }
}

#[tokio::test(start_paused = true)]
async fn pausing_does_not_wait_for_a_hook_that_runs_when_the_last_message_is_done() {
    let (mut tree, _) = Recorder::tree();
    let (begins, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let worker = tree.worker(Deliberate::spec(Arc::clone(&begins), Arc::clone(&goes_on)));
    let _tree = tree.start().await.unwrap();
    let pause = || tokio::time::timeout(Duration::from_secs(1), worker.pause());

    assert_eq!(worker.serve().await.unwrap(), 1);
    worker.exit(ExitReason::error("noticed"));
    begins.notified().await;
    pause().await.expect("no message is in progress").unwrap();
    goes_on.notify_one();
    worker.resume();

    assert_eq!(worker.serve().await.unwrap(), 2);
    let restarted = tokio::spawn({
        let worker = worker.clone();
        async move { worker.restart().await }
    });
    begins.notified().await;
    pause().await.expect("no message is in progress").unwrap();
    goes_on.notify_one();
    worker.resume();
    assert_eq!(restarted.await.unwrap().unwrap(), 2);
    assert_eq!(worker.serve().await.unwrap(), 3);
}
