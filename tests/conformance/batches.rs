//! Many casts in one go: as many at a time as the mailbox has room for, in their order.

use std::cell::Cell;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heir_runtime::by_hand::{CastAllError, MessageArgs};
use heir_runtime::prelude::*;
use heir_runtime::{NotSent, Spec, Status, Stopped, SupervisorBuilder, WhileDown};
use heir_tests::Recorder;
use heir_tests::waits::{in_time, is_pending, quiet, wait_until};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Its destructor panics, also while another panic unwinds.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// Keeps the numbers it is sent.
#[heir]
struct Log {
    #[table(keep)]
    numbers: Vec<u64>,
    #[arg]
    open: Arc<Semaphore>,
    /// Whether `touchy` has panicked.
    #[arg]
    tripped: Arc<AtomicBool>,
}

#[handlers]
impl Log {
    #[cast]
    fn append(&mut self, n: u64) {
        self.numbers.push(n);
    }

    #[cast]
    async fn slow(&mut self, n: u64) {
        sleep(Duration::from_millis(300)).await;
        self.numbers.push(n);
    }

    #[cast]
    fn touchy(&mut self, n: u64) {
        assert!(n != 1 || self.tripped.swap(true, Ordering::Relaxed), "it trips once");
        self.numbers.push(n);
    }

    #[cast]
    async fn hold(&mut self) {
        self.open.acquire().await.unwrap().forget();
    }

    #[cast]
    fn defuse(&mut self, bomb: Bomb) {
        std::mem::forget(bomb);
    }

    /// Sends itself so many casts, and waits.
    async fn flood(&mut self, cx: &mut Context<Self>, many: u64) -> Result<(), CastAllError<(u64,)>> {
        cx.own_handle().cast_all(numbers(0..many), LogMessage::Append).await
    }

    fn all(&mut self) -> Vec<u64> {
        self.numbers.clone()
    }
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = (u64,)> {
    numbers.into_iter().map(|n| (n,))
}

/// A worker that nobody has started.
fn log(settings: impl FnOnce(Spec<Log>) -> Spec<Log>) -> (SupervisorBuilder, LogHandle) {
    let (mut tree, _) = Recorder::tree();
    let log = tree.worker(settings(Log::spec(Arc::new(Semaphore::new(0)), Arc::default())));
    (tree, log)
}

/// A worker that does not finish its message.
async fn held(settings: impl FnOnce(Spec<Log>) -> Spec<Log>) -> (Supervisor, LogHandle) {
    let (tree, log) = log(settings);
    let tree = tree.start().await.unwrap();
    log.hold().await.unwrap();
    wait_until(|| log.queued() == 0).await;
    (tree, log)
}

/// What an error says: how many are sent, which are not, and why.
fn parts(outcome: Result<(), CastAllError<(u64,)>>) -> (usize, Vec<u64>, NotSent) {
    let error = outcome.unwrap_err();
    let (sent, why) = (error.sent, error.why.clone());
    (sent, error.into_args().into_iter().map(|(n,)| n).collect(), why)
}

#[tokio::test(start_paused = true)]
async fn all_casts_of_a_batch_are_served_in_the_order_of_the_iterator() {
    let (tree, log) = log(|spec| spec.mailbox(200));
    log.try_cast_all(numbers(0..100), LogMessage::Append).unwrap();
    log.cast_all(numbers(100..200), LogMessage::Append).await.unwrap();
    assert_eq!(log.queued(), 200);
    let _tree = tree.start().await.unwrap();
    assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..200));
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_a_cast_is_sent_even_if_nobody_could_be_sent_anything() {
    let (_tree, log) = log(|spec| spec.while_down(WhileDown::Fail));
    log.cast_all(numbers([]), LogMessage::Append).await.unwrap();
    log.try_cast_all(numbers([]), LogMessage::Append).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_comes_back_in_its_order_if_it_is_not_to_wait() {
    for (room, many) in [(1, 2), (63, 64), (64, 65), (64, 500), (200, 500)] {
        let (tree, log) = log(|spec| spec.mailbox(room));
        let outcome = log.try_cast_all(numbers(0..many), LogMessage::Append);
        let (sent, unsent, why) = parts(outcome);
        assert_eq!((sent, unsent, why), (room, Vec::from_iter(room as u64..many), NotSent::Full));
        let _tree = tree.start().await.unwrap();
        assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..room as u64));
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_counts_and_can_travel_whatever_the_arguments_are() {
    fn travels<E: Error + Send + Sync + 'static>() {}
    travels::<CastAllError<(Cell<u64>,)>>();
    let (_tree, log) = log(|spec| spec.mailbox(2));
    let error = log.try_cast_all(numbers(0..5), LogMessage::Append).unwrap_err();
    assert_eq!(error.to_string(), "3 of 5 casts were not sent: the mailbox is full");
    assert_eq!(format!("{error:?}"), "CastAllError(3 of 5 casts were not sent: the mailbox is full)");
}

#[tokio::test(start_paused = true)]
async fn fifty_six_thousand_casts_arrive_in_their_order_through_a_mailbox_of_the_default_size() {
    let (tree, log) = log(|spec| spec);
    let _tree = tree.start().await.unwrap();
    in_time(log.cast_all(numbers(0..56_000), LogMessage::Append)).await.unwrap();
    assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..56_000));
}

#[tokio::test(start_paused = true)]
async fn a_batch_can_be_sent_from_a_task() {
    let (tree, log) = log(|spec| spec.mailbox(3));
    let sender = log.clone();
    let batch = tokio::spawn(async move { sender.cast_all(numbers(0..100), LogMessage::Append).await });
    let _tree = tree.start().await.unwrap();
    in_time(batch).await.unwrap().unwrap();
    assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..100));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_only_sends_a_batch_yields() {
    let (_tree, log) = log(|spec| spec.mailbox(usize::MAX));
    let mut batch = pin!(log.cast_all(numbers(0..100_000), LogMessage::Append));
    assert!(is_pending(batch.as_mut()).await);
    assert!((1..50_000).contains(&log.queued()), "{} at once", log.queued());
    batch.await.unwrap();
    assert_eq!(log.queued(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_handle_bounds_the_whole_wait_of_a_batch() {
    let second = Duration::from_secs(1);
    let (tree, log) = log(|spec| spec.mailbox(2));
    let hasty = log.with_timeout(second);
    let start = Instant::now();
    let (sent, unsent, why) = parts(hasty.cast_all(numbers(0..9), LogMessage::Slow).await);
    assert_eq!((sent, unsent, why), (2, Vec::from_iter(2..9), NotSent::TimedOut(second)));
    assert_eq!(start.elapsed(), second);

    let _tree = tree.start().await.unwrap();
    wait_until(|| log.queued() == 1).await;
    let start = Instant::now();
    // One fits now, and one each time that a message is done: after 300, 600 and 900 ms.
    let (sent, unsent, why) = parts(hasty.cast_all(numbers(2..9), LogMessage::Slow).await);
    assert_eq!((sent, unsent, why), (4, Vec::from_iter(6..9), NotSent::TimedOut(second)));
    assert_eq!(start.elapsed(), second);
    assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..6));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_midway_has_the_rest_come_back() {
    let (_tree, log) = held(|spec| spec.mailbox(10)).await;
    let sender = log.clone();
    let batch = tokio::spawn(async move { sender.cast_all(numbers(0..100), LogMessage::Append).await });
    wait_until(|| log.queued() == 10).await;
    quiet().await;
    log.stop().await;
    let stopped = NotSent::Stopped(Stopped::Shutdown);
    assert_eq!(parts(in_time(batch).await.unwrap()), (10, Vec::from_iter(10..100), stopped.clone()));
    let late = log.try_cast_all(numbers(0..3), LogMessage::Append);
    assert_eq!(parts(late), (0, vec![0, 1, 2], stopped));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_dropped_midway_leaves_what_is_queued_and_gives_back_its_permit() {
    let (tree, log) = log(|spec| spec.mailbox(10));
    let _tree;
    {
        let mut batch = pin!(log.cast_all(numbers(0..100), LogMessage::Append));
        assert!(is_pending(batch.as_mut()).await);
        assert_eq!(log.queued(), 10);
        _tree = tree.start().await.unwrap();
        // The worker serves all, and the batch has got a permit.
        quiet().await;
        assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..10));
    }
    let (sent, unsent, _) = parts(log.try_cast_all(numbers(10..21), LogMessage::Append));
    assert_eq!((sent, unsent), (10, vec![20]));
    assert_eq!(in_time(log.all()).await.unwrap(), Vec::from_iter(0..20));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_iterator_leaves_what_is_queued_and_loses_no_permit() {
    for (room, panics_at, queued) in [(1000, 150, 128), (10, 70, 10), (10, 5, 0)] {
        let (tree, log) = log(|spec| spec.mailbox(room));
        let sender = log.clone();
        let batch = tokio::spawn(async move {
            let all = numbers(0..500).inspect(|(n,)| assert!(*n != panics_at, "the iterator trips"));
            sender.cast_all(all, LogMessage::Append).await
        });
        assert!(in_time(batch).await.unwrap_err().is_panic());
        assert_eq!(log.queued(), queued, "of {room}");
        let _tree = tree.start().await.unwrap();
        assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..queued as u64));
        let (sent, _, why) = parts(log.try_cast_all(numbers(0..2000), LogMessage::Append));
        assert_eq!((sent, why), (room, NotSent::Full));
    }
}

/// Two panics at once would end the process: of the iterator, and of what it has given so far.
#[tokio::test(start_paused = true)]
async fn a_panic_in_the_iterator_drops_what_is_not_queued_one_by_one() {
    for (room, panics_at) in [(1000, 3), (1, 3), (1, 70)] {
        let (tree, log) = log(|spec| spec.mailbox(room));
        let sender = log.clone();
        let batch = tokio::spawn(async move {
            let all = (0..100).map(move |n| {
                assert!(n != panics_at, "the iterator trips");
                (Bomb,)
            });
            sender.try_cast_all(all, LogMessage::Defuse).is_ok()
        });
        assert!(in_time(batch).await.unwrap_err().is_panic());
        drop(tree);
    }
}

#[tokio::test(start_paused = true)]
async fn the_iterator_may_use_the_mailbox_that_it_feeds() {
    let (tree, log) = log(|spec| spec.mailbox(4));
    let _tree = tree.start().await.unwrap();
    let all = numbers(0..300).inspect(|_| assert!(log.queued() <= 4));
    in_time(log.cast_all(all, LogMessage::Append)).await.unwrap();
    assert_eq!(log.all().await.unwrap(), Vec::from_iter(0..300));
}

#[tokio::test(start_paused = true)]
async fn other_senders_that_wait_get_their_turn_in_a_batch() {
    let (tree, log) = log(|spec| spec.mailbox(8));
    let batch = tokio::spawn({
        let log = log.clone();
        async move { log.cast_all(numbers(0..1000), LogMessage::Append).await }
    });
    wait_until(|| log.queued() == 8).await;
    let others = [5001, 5002, 5003].map(|n| {
        let log = log.clone();
        tokio::spawn(async move { log.append(n).await })
    });
    quiet().await;
    let _tree = tree.start().await.unwrap();
    for other in others {
        in_time(other).await.unwrap().unwrap();
    }
    in_time(batch).await.unwrap().unwrap();
    let all = log.all().await.unwrap();
    let (others, batch): (Vec<u64>, Vec<u64>) = all.iter().partition(|n| **n > 5000);
    assert_eq!(batch, Vec::from_iter(0..1000));
    assert_eq!(others, [5001, 5002, 5003]);
    let last = all.iter().position(|n| *n == 5003).unwrap();
    assert!(last < 24, "it waited for {last} others");
}

#[tokio::test(start_paused = true)]
async fn a_cast_of_a_batch_can_be_served_again() {
    let (tree, log) = log(|spec| spec);
    let all = (0..3).map(|n| MessageArgs::redeliver((n,), 1));
    log.cast_all(all, LogMessage::Touchy).await.unwrap();
    let _tree = tree.start().await.unwrap();
    assert_eq!(log.all().await.unwrap(), [0, 1, 2]);
    assert_eq!(log.incarnation(), 2);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_are_served_again_come_back_too() {
    let (_tree, log) = log(|spec| spec.mailbox(2));
    let all = (0..100).map(|n| MessageArgs::redeliver((n,), 1));
    let (sent, unsent, _) = parts(log.try_cast_all(all, LogMessage::Touchy));
    assert_eq!((sent, unsent), (2, Vec::from_iter(2..100)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_for_itself_to_take_a_batch_is_refused_what_does_not_fit() {
    let (tree, log) = log(|spec| spec.mailbox(5));
    let _tree = tree.start().await.unwrap();
    in_time(log.flood(5)).await.unwrap().unwrap();
    assert_eq!(log.all().await.unwrap(), [0, 1, 2, 3, 4]);
    let flooded = in_time(log.flood(7)).await.unwrap();
    assert_eq!(parts(flooded), (5, vec![5, 6], NotSent::ToItself));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_refuses_while_it_is_down_refuses_a_batch() {
    let fails = |spec: Spec<Log>| spec.mailbox(4).while_down(WhileDown::Fail);
    let (_unstarted, early) = log(fails);
    let down = NotSent::Down(Status::Down);
    let waits = early.cast_all(numbers(0..3), LogMessage::Append).await;
    assert_eq!(parts(waits), (0, vec![0, 1, 2], down.clone()));
    let does_not = early.try_cast_all(numbers(0..3), LogMessage::Append);
    assert_eq!(parts(does_not), (0, vec![0, 1, 2], down));

    let (_tree, log) = held(fails).await;
    let sender = log.clone();
    let batch = tokio::spawn(async move { sender.cast_all(numbers(0..9), LogMessage::Append).await });
    wait_until(|| log.queued() == 4).await;
    quiet().await;
    log.kill();
    let (sent, unsent, why) = parts(in_time(batch).await.unwrap());
    assert_eq!((sent, unsent), (4, Vec::from_iter(4..9)));
    assert!(matches!(why, NotSent::Down(_)), "{why}");
    log.wait_serving(2).await.unwrap();
    assert_eq!(log.all().await.unwrap(), [0, 1, 2, 3]);
}
