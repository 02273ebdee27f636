//! A queue to one task that can be closed: each item is taken out by the task, or comes back.
//!
//! tokio's unbounded channel is not enough: a sender that has passed its check for a dropped
//! receiver may still push after the receiver has drained the channel, and the message then lives
//! as long as the last sender (tokio 1.54). A request holds a reply channel, and its sender would
//! wait for ever. Here the check and the push happen under one lock.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::util::caught::wake_caught;
use crate::util::sync::Lock;

/// Items on their way to one task.
pub(crate) struct Queue<T>(Lock<State<T>>);

struct State<T> {
    items: VecDeque<T>,
    /// The waker of the task that takes items out, while it waits for one.
    waiting: Option<Waker>,
    closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(Lock::new(State { items: VecDeque::new(), waiting: None, closed: false }))
    }
}

impl<T> Queue<T> {
    /// Appends an item; a closed queue gives it back.
    pub(crate) fn send(&self, item: T) -> Result<(), T> {
        let waiting = self.0.with(|state| {
            if state.closed {
                return Err(item);
            }
            state.items.push_back(item);
            Ok(state.waiting.take())
        })?;
        if let Some(waiting) = waiting {
            wake_caught(waiting);
        }
        Ok(())
    }

    /// Takes the first item out. A closed queue has no items any more, and stays pending.
    ///
    /// Only one task polls it. The task is ours, so its waker may be cloned and dropped under the
    /// lock.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.lock();
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(item);
        }
        if !state.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(cx.waker())) {
            state.waiting = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// From here on every item comes back to its sender. Returns the items that are still in the
    /// queue.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let (rest, waiting) = self.0.with(|state| {
            state.closed = true;
            (std::mem::take(&mut state.items), state.waiting.take())
        });
        drop(waiting);
        rest
    }
}

#[cfg(all(test, not(heir_loom)))]
mod tests {
    use super::*;

    fn poll(queue: &Queue<u8>) -> Poll<u8> {
        queue.poll_recv(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_is_sent_is_taken_out_in_order() {
        let queue = Queue::default();
        assert!(poll(&queue).is_pending());
        queue.send(1).unwrap();
        queue.send(2).unwrap();
        assert_eq!(
            (poll(&queue), poll(&queue), poll(&queue)),
            (Poll::Ready(1), Poll::Ready(2), Poll::Pending)
        );
    }

    #[test]
    fn what_a_closed_queue_is_sent_comes_back() {
        let queue = Queue::default();
        queue.send(1).unwrap();
        queue.send(2).unwrap();
        assert_eq!(queue.close(), [1, 2]);
        assert_eq!(queue.send(3), Err(3));
        assert!(poll(&queue).is_pending() && queue.close().is_empty());
    }
}

/// Run with `RUSTFLAGS="--cfg heir_loom"`.
#[cfg(all(test, heir_loom))]
mod loom_tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use loom::future::block_on;
    use loom::thread;

    use super::Queue;

    /// Exactly one has each request: the task that serves, the thread that closed the queue, or the
    /// request's own sender.
    #[test]
    fn loom_no_request_is_left_in_a_closed_queue() {
        loom::model(|| {
            let queue: Arc<Queue<u8>> = Arc::default();
            let senders = [1, 2].map(|request| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.send(request).err())
            });
            let served = thread::spawn({
                let queue = Arc::clone(&queue);
                move || {
                    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                    match queue.poll_recv(&mut cx) {
                        std::task::Poll::Ready(request) => Some(request),
                        std::task::Poll::Pending => None,
                    }
                }
            });
            let refused = queue.close();
            let back = senders.map(|sender| sender.join().unwrap());
            let served = served.join().unwrap();
            let mut all: Vec<_> =
                refused.into_iter().chain(back.into_iter().flatten()).chain(served).collect();
            all.sort_unstable();
            assert_eq!(all, [1, 2]);
            assert!(queue.close().is_empty());
        });
    }

    /// A lost wake-up would be a deadlock, which loom reports.
    #[test]
    fn loom_a_supervisor_is_woken_however_it_falls_asleep() {
        loom::model(|| {
            let queue: Arc<Queue<u8>> = Arc::default();
            let sender = thread::spawn({
                let queue = Arc::clone(&queue);
                move || queue.send(1)
            });
            assert_eq!(block_on(poll_fn(|cx| queue.poll_recv(cx))), 1);
            sender.join().unwrap().unwrap();
        });
    }
}
