//! Wakers that panic: of everybody who waits for something of a worker or a tree.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heir_runtime::estate::Estate;
use heir_runtime::{Stopped, handlers, heir};
use heir_tests::waits::in_time;
use heir_tests::{Recorder, event};

/// Wakes whoever waits, and then panics.
struct Panics<F: Fn()>(Waker, F);

impl<F: Fn() + Send + Sync + 'static> Wake for Panics<F> {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        (self.1)();
    }
}

impl<F: Fn()> Drop for Panics<F> {
    fn drop(&mut self) {
        (self.1)();
    }
}

/// Wakes nobody, and panics.
pub(super) struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("in a waker");
    }
}

/// Polls `future` with a waker that calls `tick` whenever it is woken or dropped.
pub(super) fn hostile<F: Future>(
    future: F,
    tick: impl Fn() + Copy + Send + Sync + 'static,
) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| poll_with(future.as_mut(), Panics(cx.waker().clone(), tick)))
}

fn poll_with<F: Future, T>(future: Pin<&mut F>, waker: Panics<T>) -> Poll<F::Output>
where
    T: Fn() + Send + Sync + 'static,
{
    let waker = Waker::from(Arc::new(waker));
    let polled = future.poll(&mut Context::from_waker(&waker));
    // If nobody has kept it, its destructor is this function's affair.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
    polled
}

fn always() {
    assert!(std::thread::panicking(), "in a waker");
}

#[heir]
struct Awaited {
    #[table(keep)]
    count: u32,
}

#[handlers]
impl Awaited {
    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

/// One poll of `future`, with a waker that panics.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Panics(Waker::noop().clone(), always))
}

#[tokio::test(start_paused = true)]
async fn wakers_that_panic_keep_nobody_else_from_being_woken() {
    let (mut tree, recorder) = Recorder::tree();
    let awaited = tree.worker(Awaited::spec());
    let tree = tree.start().await.unwrap();
    {
        let mut hostile = [awaited.wait_serving(2), awaited.wait_serving(2)].map(Box::pin);
        assert!(hostile.iter_mut().all(|wait| poll(wait.as_mut()).is_pending()));
        let other = tokio::spawn({
            let awaited = awaited.clone();
            async move { awaited.wait_serving(2).await }
        });
        tokio::task::yield_now().await;
        awaited.kill();
        assert_eq!(in_time(other).await.unwrap().unwrap(), 2);
        assert_eq!(in_time(awaited.count()).await.unwrap(), 1);
    }
    {
        let mut hostile = [awaited.wait_stopped(), awaited.wait_stopped()].map(Box::pin);
        assert!(hostile.iter_mut().all(|wait| poll(wait.as_mut()).is_pending()));
        assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
        assert_eq!(in_time(awaited.wait_stopped()).await, Stopped::Shutdown);
    }
    // Its task has not ended over them, and been started again.
    assert_eq!(recorder.count(event!(Restarting { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_of_whoever_pauses_a_worker_does_not_end_it() {
    let (mut tree, _) = Recorder::tree();
    let awaited = tree.worker(Awaited::spec());
    let _tree = tree.start().await.unwrap();
    let mut call = pin!(awaited.count());
    assert!(poll(call.as_mut()).is_pending());
    tokio::task::yield_now().await;
    let mut pause = pin!(awaited.pause());
    let _ = poll(pause.as_mut());
    let mut again = pin!(awaited.pause());
    let _ = poll(again.as_mut());
    in_time(awaited.pause()).await.unwrap();
    awaited.resume();
    in_time(awaited.count()).await.unwrap();
    assert_eq!(awaited.incarnation(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_of_whoever_manages_children_does_not_end_their_supervisor() {
    let (mut tree, recorder) = Recorder::tree();
    let awaited = tree.worker(Awaited::spec());
    let tree = tree.start().await.unwrap();
    {
        let mut terminate = pin!(tree.terminate_child("Awaited"));
        assert!(poll(terminate.as_mut()).is_pending());
        in_time(recorder.until(event!(Terminated))).await;
    }
    in_time(tree.restart_child("Awaited")).await.unwrap();
    {
        let mut twice = pin!(tree.start_child(Awaited::spec()));
        assert!(poll(twice.as_mut()).is_pending());
        let mut delete = pin!(tree.delete_child("Awaited"));
        assert!(poll(delete.as_mut()).is_pending());
        assert_eq!(in_time(awaited.count()).await.unwrap(), 1);
    }
    assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn monitors_whose_wakers_panic_keep_no_other_monitor_from_being_told() {
    let (mut tree, recorder) = Recorder::tree();
    let awaited = tree.worker(Awaited::spec());
    let tree = tree.start().await.unwrap();
    let mut hostile = [awaited.monitor(), awaited.monitor()].map(Box::pin);
    assert!(hostile.iter_mut().all(|monitor| poll(monitor.as_mut()).is_pending()));
    let other = tokio::spawn(awaited.monitor());
    awaited.kill();
    assert_eq!(in_time(other).await.unwrap().incarnation, Some(1));
    assert_eq!(in_time(awaited.count()).await.unwrap(), 1);
    assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
    assert_eq!(recorder.count(event!(Restarting { .. })), 1);
}

#[test]
fn a_waker_that_panics_of_whoever_waits_for_tables_is_no_panic_of_who_gives_them() {
    let (tables, lease) = Estate::new("tables", vec![1]);
    let (recipient, incoming) = tables.recipient("next");
    let mut incoming = pin!(incoming.receive());
    let waker = Waker::from(Arc::new(Panicking));
    assert!(incoming.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    lease.give_away(recipient).unwrap();
    let given = incoming.as_mut().poll(&mut Context::from_waker(&waker));
    let Poll::Ready(Ok(given)) = given else { panic!("they have been given") };
    assert_eq!(*given.lease, [1]);
}
