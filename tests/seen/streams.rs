//! Streams of events.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use heir_runtime::events::{EventKind, EventStream};
use heir_runtime::prelude::*;
use heir_tests::Recorder;

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }
}

/// Everything that is in a stream that ends.
async fn all(mut events: EventStream) -> Vec<Result<String, u64>> {
    let mut all = Vec::new();
    while let Some(next) = events.next().await {
        all.push(next.map(|event| event.to_string()).map_err(|missed| missed.events));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_what_observers_are_told_in_the_same_order() {
    let (mut tree, recorder) = Recorder::tree();
    let events = tree.subscribe(1_000);
    let counter = tree.worker(Counter::spec());
    let below = Supervisor::builder("below");
    tree.child(below);
    let tree = tree.start().await.unwrap();
    counter.kill();
    counter.wait_serving(2).await.unwrap();
    tree.shutdown().await;
    let told: Vec<_> = recorder.events().iter().map(|event| Ok(event.to_string())).collect();
    assert_eq!(all(events).await, told);
    assert!(told.contains(&Ok("below: supervisor runs, all its children are up".into())));
    assert_eq!(*told.last().unwrap(), Ok("app: supervisor stopped for good: it was shut down".into()));
}

#[tokio::test(start_paused = true)]
async fn an_event_has_its_path_and_its_time() {
    let before = SystemTime::now();
    let mut tree = Supervisor::builder("app");
    let mut below = Supervisor::builder("shop");
    below.worker(Counter::spec().name("stock"));
    let mut events = below.subscribe(100);
    tree.child(below);
    let tree = tree.start().await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((&*first.child, &*first.path), ("shop", "app/shop"));
    assert_eq!(first.kind, EventKind::SupervisorStarted);
    let second = events.next().await.unwrap().unwrap();
    assert_eq!((&*second.child, &*second.path), ("stock", "app/shop/stock"));
    assert!(before <= first.at && first.at <= second.at && second.at <= SystemTime::now());
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_the_events_of_the_subtree_that_was_asked_and_ends_with_it() {
    let mut tree = Supervisor::builder("app");
    let beside = tree.worker(Counter::spec().name("beside"));
    let mut below = Supervisor::builder("below");
    below.worker(Counter::spec().name("stock"));
    let below = tree.child(below);
    let tree = tree.start().await.unwrap();
    let (events, of_all) = (below.subscribe(100), tree.subscribe(100));
    beside.kill();
    beside.wait_serving(2).await.unwrap();
    below.stop().await;
    let below: Vec<_> = all(events).await.into_iter().map(Result::unwrap).collect();
    assert!(!below.is_empty() && below.iter().all(|event| !event.starts_with("beside")));
    assert!(below.last().unwrap().starts_with("below: supervisor stopped for good"));
    tree.shutdown().await;
    assert!(all(of_all).await.into_iter().any(|event| event.unwrap().starts_with("beside: worker 2")));
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_told_how_many_events_it_has_missed_and_keeps_nobody_waiting() {
    let (mut tree, recorder) = Recorder::tree();
    let mut slow = tree.subscribe(4);
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    for incarnation in 2..100 {
        counter.kill();
        counter.wait_serving(incarnation).await.unwrap();
    }
    let told = recorder.events();
    let missed = slow.next().await.unwrap().unwrap_err();
    assert_eq!(missed.events, told.len() as u64 - 4);
    assert!(missed.to_string().ends_with("events were dropped, because nobody took them out in time"));
    for event in &told[told.len() - 4..] {
        assert_eq!(slow.next().await.unwrap().unwrap(), *event);
    }
    counter.kill();
    counter.wait_serving(100).await.unwrap();
    let missed = slow.next().await.unwrap().unwrap_err().events;
    assert_eq!(missed, (recorder.events().len() - told.len()) as u64 - 4, "it counts from the last word on");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn who_subscribes_to_a_tree_that_has_stopped_gets_nothing_and_the_end() {
    let mut tree = Supervisor::builder("app");
    tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    let handle = SupervisorHandle::clone(&tree);
    tree.shutdown().await;
    assert_eq!(all(handle.subscribe(10)).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_capacity_of_none_is_one() {
    let mut tree = Supervisor::builder("app");
    let mut events = tree.subscribe(0);
    tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    assert!(events.next().await.unwrap().is_err());
    assert_eq!(events.next().await.unwrap().unwrap().kind, EventKind::SupervisorRunning);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_is_told_nothing_and_the_others_are() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    let (gone, stays) = (tree.subscribe(10), tree.subscribe(1_000));
    drop(gone);
    counter.kill();
    counter.wait_serving(2).await.unwrap();
    tree.shutdown().await;
    assert!(all(stays).await.contains(&Ok("Counter: worker 2 serves".into())));
}

/// A waker that panics, and counts.
#[derive(Default)]
struct Panics(AtomicUsize);

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("in a waker");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_harms_nobody() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    let (mut hostile, other) = (tree.subscribe(100), tree.subscribe(100));
    let panics = Arc::<Panics>::default();
    let waker = Waker::from(Arc::clone(&panics));
    let polled = Pin::new(&mut hostile).poll_next(&mut TaskContext::from_waker(&waker));
    assert!(matches!(polled, Poll::Pending));
    counter.kill();
    counter.wait_serving(2).await.unwrap();
    assert_eq!(counter.count("hits".into()).await.unwrap(), 1);
    assert_eq!(panics.0.load(Ordering::Relaxed), 1);
    tree.shutdown().await;
    assert!(all(other).await.contains(&Ok("Counter: worker 2 serves".into())));
    assert!(!all(hostile).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_takes_nothing_out() {
    let mut tree = Supervisor::builder("app");
    let mut events = tree.subscribe(100);
    {
        let mut next = std::pin::pin!(events.next());
        assert!(next.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
    }
    tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().kind, EventKind::SupervisorStarted);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_storm_a_subscriber_that_keeps_up_misses_nothing() {
    let (mut tree, recorder) = Recorder::tree();
    let events = tree.subscribe(1_000_000);
    let workers: Vec<_> = (0..8).map(|n| tree.worker(Counter::spec().name(n.to_string()))).collect();
    let reader = tokio::spawn(all(events));
    let tree = tree.start().await.unwrap();
    for incarnation in 2..50 {
        for worker in &workers {
            worker.kill();
        }
        for worker in &workers {
            worker.wait_serving(incarnation).await.unwrap();
        }
    }
    tree.shutdown().await;
    let mut read: Vec<_> = reader.await.unwrap().into_iter().map(Result::unwrap).collect();
    let mut told: Vec<_> = recorder.events().iter().map(ToString::to_string).collect();
    read.sort_unstable();
    told.sort_unstable();
    assert_eq!(read, told);
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_a_subtree_goes_on_through_its_restarts() {
    let mut tree = Supervisor::builder("app");
    let mut below = Supervisor::builder("below").intensity(0);
    let stock = below.worker(Counter::spec().name("stock"));
    let below = tree.child(below);
    let tree = tree.start().await.unwrap();
    let events = below.subscribe(1_000);
    stock.kill();
    stock.wait_serving(2).await.unwrap();
    assert!(below.kill());
    stock.wait_serving(3).await.unwrap();
    tree.shutdown().await;
    let told = all(events).await;
    assert!(told.contains(&Ok("stock: worker 2 serves".into())));
    assert!(told.contains(&Ok("stock: worker 3 serves".into())));
    assert!(told.last().unwrap().as_ref().unwrap().starts_with("below: supervisor stopped for good"));
}

#[tokio::test]
async fn a_stream_of_a_tree_that_never_starts_ends() {
    let events = Supervisor::builder("app").subscribe(10);
    let told = all(events).await;
    assert!(told.len() <= 1, "{told:?}");
}

#[test]
fn a_stream_ends_when_the_runtime_goes_away() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (tree, events) = runtime.block_on(async {
        let mut tree = Supervisor::builder("app");
        tree.worker(Counter::spec());
        let events = tree.subscribe(1_000);
        (tree.start().await.unwrap(), events)
    });
    drop(runtime);
    let reader =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let told = reader.block_on(async { tokio::time::timeout(Duration::from_secs(9), all(events)).await });
    assert!(told.unwrap().iter().all(Result::is_ok));
    drop(tree);
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_be_moved_to_another_task_while_it_waits() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    let mut events = tree.subscribe(100);
    let polled = Pin::new(&mut events).poll_next(&mut TaskContext::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    let reader = tokio::spawn(all(events));
    tokio::task::yield_now().await;
    counter.kill();
    counter.wait_serving(2).await.unwrap();
    tree.shutdown().await;
    assert!(reader.await.unwrap().contains(&Ok("Counter: worker 2 serves".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_storm_a_slow_subscriber_has_read_or_missed_each_event() {
    let (mut tree, recorder) = Recorder::tree();
    let events = tree.subscribe(3);
    let workers: Vec<_> = (0..8).map(|n| tree.worker(Counter::spec().name(n.to_string()))).collect();
    let reader = tokio::spawn(all(events));
    let tree = tree.start().await.unwrap();
    for incarnation in 2..50 {
        for worker in &workers {
            worker.kill();
            // Comes and goes, beside the storm.
            drop(tree.subscribe(1));
        }
        for worker in &workers {
            worker.wait_serving(incarnation).await.unwrap();
        }
    }
    tree.shutdown().await;
    let read = reader.await.unwrap();
    let sum: u64 = read.iter().map(|next| next.as_ref().map_or_else(|missed| *missed, |_| 1)).sum();
    assert_eq!(sum, recorder.events().len() as u64);
}
