//! While nobody serves: senders wait, or wait for so long, or are refused, as the worker's spec says.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::{
    Backoff, CallError, CastError, NotSent, Status, Stopped, Supervisor, WhileDown, handlers, heir,
};
use heir_tests::Recorder;
use heir_tests::waits::wait_until;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::workers::{Counter, CounterHandle};

const BOUND: Duration = Duration::from_secs(5);
const BACKOFF: Duration = Duration::from_secs(60);

/// A counter that is started again a minute after it died, in a tree that is not started yet.
fn counter(senders: WhileDown) -> (heir_runtime::SupervisorBuilder, CounterHandle, Arc<Notify>) {
    let (mut tree, _) = Recorder::tree();
    let hanging = Arc::new(Notify::new());
    let spec = Counter::spec(Arc::clone(&hanging)).mailbox(1).backoff(Backoff::Fixed(BACKOFF));
    let counter = tree.worker(spec.while_down(senders));
    (tree, counter, hanging)
}

/// The same, started, and dead.
async fn dead(senders: WhileDown) -> (Supervisor, CounterHandle) {
    let (tree, counter, _) = counter(senders);
    let tree = tree.start().await.unwrap();
    counter.kill();
    wait_until(|| counter.status() == Status::Down).await;
    (tree, counter)
}

#[tokio::test(start_paused = true)]
async fn by_default_senders_wait_however_long_it_takes() {
    let (_tree, counter) = dead(WhileDown::Wait).await;
    let start = Instant::now();
    assert_eq!(counter.count().await.unwrap(), 1);
    assert!(start.elapsed() >= BACKOFF - Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_refuses_at_once_with_the_status_and_the_arguments() {
    let (_tree, counter) = dead(WhileDown::Fail).await;
    let start = Instant::now();
    let error = counter.echo(7).await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent { why: NotSent::Down(Status::Down), .. }), "{error}");
    assert_eq!(error.to_string(), "the call was not sent: nobody serves: down");
    assert!(!error.was_enqueued());
    assert_eq!(error.into_args(), Some((7,)));
    assert!(matches!(
        counter.try_echo(7).await.unwrap_err(),
        CallError::NotSent { why: NotSent::Down(_), .. }
    ));
    let error = counter.fail("words".into()).await.unwrap_err();
    assert!(matches!(&error, CastError::NotSent { why: NotSent::Down(_), .. }), "{error}");
    assert_eq!(error.into_args(), Some(("words".into(),)));
    assert!(counter.try_die().is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
    counter.wait_serving(2).await.unwrap();
    assert_eq!(counter.count().await.unwrap(), 1, "nothing was queued");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_refuses_before_the_first_start_too_and_after_the_end_says_that_it_has_stopped() {
    let (tree, counter, _) = counter(WhileDown::Fail);
    let early = counter.count().await.unwrap_err();
    assert!(matches!(&early, CallError::NotSent { why: NotSent::Down(Status::Down), .. }), "{early}");
    let tree = tree.start().await.unwrap();
    counter.count().await.unwrap();
    tree.shutdown().await;
    for late in [counter.count().await.unwrap_err(), counter.try_count().await.unwrap_err()] {
        assert!(
            matches!(&late, CallError::NotSent { why: NotSent::Stopped(Stopped::Shutdown), .. }),
            "{late}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_refuses_whoever_waits_for_a_place_when_it_dies_and_keeps_what_is_queued() {
    let (tree, counter, hanging) = counter(WhileDown::Fail);
    let _tree = tree.start().await.unwrap();
    let call = |n| {
        let counter = counter.clone();
        tokio::spawn(async move { counter.echo(n).await })
    };
    let in_progress = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hanging.notified().await;
    let queued = call(1);
    wait_until(|| counter.queued() >= 1).await;
    let waits = call(2);
    tokio::task::yield_now().await;
    counter.kill();
    assert!(matches!(in_progress.await.unwrap(), Err(CallError::Died { .. })));
    let refused = waits.await.unwrap().unwrap_err();
    assert!(matches!(&refused, CallError::NotSent { why: NotSent::Down(_), .. }), "{refused}");
    assert_eq!(refused.into_args(), Some((2,)));
    assert_eq!(queued.await.unwrap().unwrap(), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn with_a_bound_a_queued_call_fails_after_it_and_may_still_be_served() {
    let (_tree, counter) = dead(WhileDown::WaitFor(BOUND)).await;
    let start = Instant::now();
    let error = counter.count().await.unwrap_err();
    assert!(matches!(&error, CallError::DownFor(BOUND)), "{error}");
    assert_eq!(error.to_string(), "the call was queued, but nobody served for 5s");
    assert!(error.was_enqueued());
    assert_eq!(start.elapsed(), BOUND);
    // It has the only place.
    let error = counter.fail("words".into()).await.unwrap_err();
    assert!(matches!(&error, CastError::NotSent { why: NotSent::DownFor(BOUND), .. }), "{error}");
    assert_eq!(error.into_args(), Some(("words".into(),)));
    counter.wait_serving(2).await.unwrap();
    assert_eq!(counter.check().await.unwrap().1, 1, "the call was served");
}

#[tokio::test(start_paused = true)]
async fn with_a_bound_a_handle_with_a_shorter_timeout_is_told_of_that() {
    let (_tree, counter) = dead(WhileDown::WaitFor(BOUND)).await;
    let error = counter.with_timeout(Duration::from_secs(1)).count().await.unwrap_err();
    assert!(matches!(&error, CallError::TimedOut(_)), "{error}");
    let error = counter.with_timeout(BACKOFF).fail("words".into()).await.unwrap_err();
    assert!(matches!(&error, CastError::NotSent { why: NotSent::DownFor(BOUND), .. }), "{error}");
}

/// Takes its time.
#[heir(while_down = "5s")]
struct Sleeper {
    #[table(keep)]
    naps: u32,
}

#[handlers]
impl Sleeper {
    async fn nap(&mut self) -> u32 {
        tokio::time::sleep(BACKOFF).await;
        self.naps += 1;
        self.naps
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_not_down_neither_for_its_caller_nor_for_those_behind() {
    let (mut tree, _) = Recorder::tree();
    let sleeper = tree.worker(Sleeper::spec());
    let _tree = tree.start().await.unwrap();
    let (first, second) = tokio::join!(sleeper.nap(), sleeper.nap());
    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_nobody_serves_adds_up_over_restarts() {
    let (mut tree, _) = Recorder::tree();
    let spec = Counter::spec(Arc::new(Notify::new())).while_down(WhileDown::WaitFor(BOUND));
    let counter = tree.worker(spec.backoff(Backoff::Fixed(Duration::from_secs(3))));
    let _tree = tree.start().await.unwrap();
    // Paused, so that the call waits while it serves, too.
    counter.pause().await.unwrap();
    counter.kill();
    let start = Instant::now();
    let waits = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count().await }
    });
    counter.wait_serving(2).await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!waits.is_finished(), "it serves");
    counter.kill();
    let error = waits.await.unwrap().unwrap_err();
    assert!(matches!(&error, CallError::DownFor(BOUND)), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(105));
}

#[tokio::test(start_paused = true)]
async fn with_a_bound_only_the_time_counts_since_a_call_was_sent() {
    const SIX_SECONDS: Duration = Duration::from_secs(6);
    let (mut tree, _) = Recorder::tree();
    let spec = Counter::spec(Arc::new(Notify::new())).while_down(WhileDown::WaitFor(BOUND));
    let counter = tree.worker(spec.backoff(Backoff::Fixed(SIX_SECONDS)));
    let _tree = tree.start().await.unwrap();
    // Nobody waits through the first time, which is longer than the bound already.
    counter.kill();
    counter.wait_serving(2).await.unwrap();
    for (late, count) in [(2, 1), (5, 2)] {
        let died = Instant::now();
        counter.kill();
        tokio::time::sleep(Duration::from_secs(late)).await;
        assert_eq!(counter.count().await.unwrap(), count, "sent {late}s after the death");
        assert_eq!(died.elapsed(), SIX_SECONDS);
    }
    let died = Instant::now();
    counter.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let error = counter.count().await.unwrap_err();
    assert!(matches!(&error, CallError::DownFor(BOUND)), "{error}");
    assert_eq!(died.elapsed(), BOUND + Duration::from_millis(500));
}
