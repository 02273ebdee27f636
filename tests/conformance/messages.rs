//! Messages survive too: every one is served, or its sender is told.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use heir_runtime::{CallError, CastError, NotSent, Stopped, SupervisorBuilder, handlers, heir};
use heir_tests::Recorder;
use heir_tests::fuse::Bomb;
use heir_tests::waits::{is_pending, wait_until};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::workers::{Counter, CounterHandle};

/// A counter with a mailbox for two, in the middle of a call that hangs.
async fn hanging() -> (CounterHandle, heir_runtime::Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let hangs = Arc::new(Notify::new());
    let counter = tree.worker(Counter::spec(Arc::clone(&hangs)).mailbox(2));
    let tree = tree.start().await.unwrap();
    tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hangs.notified().await;
    (counter, tree)
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_makes_senders_wait_and_refuses_the_try_forms_with_their_arguments() {
    let (counter, _tree) = hanging().await;
    counter.try_fail("1".into()).unwrap();
    counter.try_fail("2".into()).unwrap();
    let error = counter.try_fail("3".into()).unwrap_err();
    assert!(matches!(error, CastError::NotSent { why: NotSent::Full, .. }), "{error}");
    assert_eq!(error.into_args().unwrap().0, "3");
    let error = counter.try_echo(4).await.unwrap_err();
    assert!(!error.was_enqueued());
    assert_eq!(error.into_args(), Some((4,)));

    let error = counter.with_timeout(Duration::from_secs(1)).count_and_panic("5".into()).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { why: NotSent::TimedOut(_), .. }), "{error}");
    assert_eq!(error.into_args().unwrap().0, "5");

    // One that waits for a place gets it.
    let waiting = tokio::spawn({
        let counter = counter.clone();
        async move { counter.echo(6).await }
    });
    counter.kill();
    assert_eq!(waiting.await.unwrap().unwrap().0, 6);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_tells_whether_the_call_had_been_queued() {
    let (counter, _tree) = hanging().await;
    let error = counter.with_timeout(Duration::from_secs(1)).count().await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut(bound) if bound == Duration::from_secs(1)), "{error}");
    assert!(error.was_enqueued());
    // It is still served.
    counter.kill();
    assert_eq!(counter.check().await.unwrap().1, 1);
}

#[tokio::test]
async fn a_call_whose_caller_is_gone_is_served_all_the_same() {
    let (counter, _tree) = hanging().await;
    assert!(is_pending(pin!(counter.count())).await, "it hangs");
    counter.kill();
    assert_eq!(counter.check().await.unwrap().1, 1);
}

/// A counter whose tree is not started, and a call that waits for it.
async fn unstarted() -> (CounterHandle, SupervisorBuilder, JoinHandle<Result<u64, CallError>>) {
    let (mut tree, _) = Recorder::tree();
    let counter = tree.worker(Counter::spec(Arc::new(Notify::new())));
    let early = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count().await }
    });
    tokio::task::yield_now().await;
    (counter, tree, early)
}

#[tokio::test]
async fn what_is_sent_before_the_start_is_served_after_it() {
    let (counter, tree, early) = unstarted().await;
    assert_eq!(counter.queued(), 1);
    let _tree = tree.start().await.unwrap();
    assert_eq!(early.await.unwrap().unwrap(), 1);
}

/// As rustc advises for a value that is not used, `let _ = ..`: the first call tells what became of the tree.
#[tokio::test]
async fn a_caller_is_told_that_the_supervisor_was_dropped() {
    let (counter, tree, early) = unstarted().await;
    let _ = tree.start().await.unwrap();
    assert_eq!(counter.wait_stopped().await, Stopped::Dropped);
    // The start was first, and so was its message.
    assert_eq!(early.await.unwrap().unwrap(), 1);
    let late = counter.count().await.unwrap_err();
    assert!(matches!(late, CallError::NotSent { why: NotSent::Stopped(Stopped::Dropped), .. }), "{late}");
    assert!(late.to_string().contains("its supervisor was dropped"), "{late}");
}

#[tokio::test]
async fn a_caller_is_told_that_the_tree_was_shut_down() {
    let (counter, tree, early) = unstarted().await;
    let tree = tree.start().await.unwrap();
    assert_eq!(early.await.unwrap().unwrap(), 1);
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
    assert_eq!(counter.wait_stopped().await, Stopped::Shutdown);
    let late = counter.count().await.unwrap_err();
    assert!(late.to_string().contains("it was shut down"), "{late}");
}

#[tokio::test]
async fn a_tree_never_started_tells_whoever_has_sent() {
    let (counter, tree, early) = unstarted().await;
    drop(tree);
    assert!(matches!(early.await.unwrap(), Err(CallError::Stopped(Stopped::Dropped))));
    let late = counter.count().await.unwrap_err();
    assert!(matches!(late, CallError::NotSent { why: NotSent::Stopped(Stopped::Dropped), .. }), "{late}");
}

#[tokio::test]
async fn a_stop_tells_whoever_is_queued_or_waits_for_a_place() {
    let (counter, _tree) = hanging().await;
    let calls: Vec<_> = (0..5)
        .map(|n| {
            let counter = counter.clone();
            tokio::spawn(async move { counter.echo(n).await.map_err(CallError::into_args) })
        })
        .collect();
    wait_until(|| counter.queued() >= 2).await;
    let stopping = tokio::spawn({
        let counter = counter.clone();
        async move { counter.stop().await }
    });
    tokio::task::yield_now().await;
    counter.kill();
    assert_eq!(stopping.await.unwrap(), Stopped::Shutdown);
    let mut back = Vec::new();
    for call in calls {
        back.push(call.await.unwrap().unwrap_err());
    }
    assert_eq!(back.iter().filter(|args| args.is_none()).count(), 2, "queued: {back:?}");
    assert_eq!(back.iter().filter(|args| args.is_some()).count(), 3, "not sent: {back:?}");
    assert_eq!(counter.estate().claim("test").unwrap().count, 0);
}

/// Asks itself.
#[heir]
struct Selfish {
    #[table(keep)]
    seen: Vec<u64>,
}

#[handlers]
impl Selfish {
    async fn start(&mut self, cx: &mut heir_runtime::Context<Self>) {
        let me = cx.handle().upgrade().unwrap();
        me.see(cx.incarnation()).await.unwrap();
    }

    #[cast]
    fn see(&mut self, n: u64) {
        self.seen.push(n);
    }

    fn seen(&mut self) -> Vec<u64> {
        self.seen.clone()
    }
}

#[tokio::test]
async fn a_worker_has_a_handle_on_itself_that_keeps_nothing_alive() {
    let (mut tree, _) = Recorder::tree();
    let selfish = tree.worker(Selfish::spec());
    let tree = tree.start().await.unwrap();
    selfish.start().await.unwrap();
    assert_eq!(selfish.seen().await.unwrap(), [1]);
    let weak = selfish.downgrade();
    drop(selfish);
    assert!(weak.upgrade().is_some(), "its supervisor has it");
    tree.shutdown().await;
    assert!(weak.upgrade().is_none());
}

/// Its replies and arguments have destructors that panic.
#[heir]
struct Bomber {
    #[table(rollback)]
    count: u32,
}

#[handlers]
impl Bomber {
    fn make(&mut self) -> Bomb {
        self.count += 1;
        Bomb
    }

    #[cast]
    async fn swallow(&mut self, bomb: Bomb) {
        std::mem::forget(bomb);
        self.count += 1;
    }

    fn count(&mut self) -> u32 {
        self.count
    }
}

#[tokio::test]
async fn a_reply_that_panics_while_it_is_discarded_undoes_nothing() {
    let (mut tree, _) = Recorder::tree();
    let bomber = tree.worker(Bomber::spec());
    let _tree = tree.start().await.unwrap();
    assert!(is_pending(pin!(bomber.make())).await, "nobody serves yet");
    assert_eq!(bomber.count().await.unwrap(), 1);
    assert_eq!(bomber.incarnation(), 2);
    assert!(!bomber.estate().last_exit().unwrap().in_message);
}

#[tokio::test]
async fn an_argument_that_panics_while_a_stopped_mailbox_is_drained_disturbs_nobody() {
    let (mut tree, _) = Recorder::tree();
    let bomber = tree.worker(Bomber::spec());
    bomber.try_swallow(Bomb).unwrap();
    let waiting = tokio::spawn({
        let bomber = bomber.clone();
        async move { bomber.count().await }
    });
    tokio::task::yield_now().await;
    drop(tree);
    assert!(matches!(waiting.await.unwrap(), Err(CallError::Stopped(_))));
}
