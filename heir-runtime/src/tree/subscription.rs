//! Streams of a tree's events, for who cannot keep up with them, or wants to await them.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::tree::events::Event;
use crate::util::caught::{drop_caught, wake_caught};
use crate::util::sync::Lock;

/// A stream of the events of a tree, from
/// [`SupervisorHandle::subscribe`](crate::SupervisorHandle::subscribe).
///
/// It never has the tree wait: if nobody takes the events out, the oldest are dropped, and the stream
/// says how many ([`MissedEvents`]) in their place. It ends when the supervisor that was asked has stopped
/// for good; what is queued then can still be taken out.
#[must_use = "events are dropped if nobody takes them out"]
pub struct EventStream(Arc<Queue>);

/// So many events were dropped, because nobody took them out of an [`EventStream`] in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{events} events were dropped, because nobody took them out in time")]
#[non_exhaustive]
pub struct MissedEvents {
    /// How many: the next one that the stream has came after them.
    pub events: u64,
}

/// The events that one subscriber has not taken out.
struct Queue {
    capacity: usize,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    /// How many events before the first have been dropped, and not told.
    missed: u64,
    /// The waker of the task that waits for an event: a user's.
    waiting: Option<Waker>,
    ended: bool,
}

/// The subscribers of one supervisor and all below it.
#[derive(Default)]
pub(crate) struct Subscribers {
    list: Lock<List>,
}

#[derive(Default)]
struct List {
    queues: Vec<Weak<Queue>>,
    /// Whether the supervisor is gone for good.
    ended: bool,
}

impl Subscribers {
    /// Adds a subscriber, who hears events from here on: the supervisor `is_watched`.
    pub(crate) fn add(&self, capacity: usize, is_watched: &AtomicBool) -> EventStream {
        let state = Lock::new(State::default());
        let queue = Arc::new(Queue { capacity: capacity.max(1), state });
        let ended = self.list.with(|list| {
            list.queues.push(Arc::downgrade(&queue));
            is_watched.store(true, Ordering::Relaxed);
            list.ended
        });
        if ended {
            queue.end();
        }
        EventStream(queue)
    }

    /// Tells every subscriber, and forgets those that are gone: without any, the supervisor
    /// `is_watched` by its observers, or not at all.
    pub(crate) fn tell(&self, event: &Event, is_watched: &AtomicBool, by_observers: bool) {
        // Moved out, because a waker that is woken may subscribe, or be the last of a stream.
        let queues: Vec<_> = self.list.with(|list| {
            list.queues.retain(|queue| queue.strong_count() > 0);
            is_watched.store(by_observers || !list.queues.is_empty(), Ordering::Relaxed);
            list.queues.iter().filter_map(Weak::upgrade).collect()
        });
        for queue in queues {
            queue.push(event.clone());
        }
    }

    /// There will be no more events.
    pub(crate) fn end(&self) {
        let queues = self.list.with(|list| {
            list.ended = true;
            std::mem::take(&mut list.queues)
        });
        for queue in queues.iter().filter_map(Weak::upgrade) {
            queue.end();
        }
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let (dropped, waiting) = self.state.with(|state| {
            if state.ended {
                // A task that was left behind tells it.
                return (Some(event), None);
            }
            let dropped = if state.events.len() < self.capacity { None } else { state.events.pop_front() };
            state.missed += u64::from(dropped.is_some());
            state.events.push_back(event);
            (dropped, state.waiting.take())
        });
        drop(dropped);
        waiting.into_iter().for_each(wake_caught);
    }

    fn end(&self) {
        let waiting = self.state.with(|state| {
            state.ended = true;
            state.waiting.take()
        });
        waiting.into_iter().for_each(wake_caught);
    }
}

impl State {
    /// What the stream has next.
    fn next(&mut self) -> Poll<Option<Result<Event, MissedEvents>>> {
        match std::mem::take(&mut self.missed) {
            0 => match self.events.pop_front() {
                None if !self.ended => Poll::Pending,
                next => Poll::Ready(next.map(Ok)),
            },
            events => Poll::Ready(Some(Err(MissedEvents { events }))),
        }
    }
}

impl EventStream {
    /// Waits for the next event; `None` if there will be no more.
    ///
    /// # Errors
    /// [`MissedEvents`], if events before the next one were dropped.
    ///
    /// # Cancellation
    /// Dropped before it is ready, the future takes nothing out.
    pub async fn next(&mut self) -> Option<Result<Event, MissedEvents>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for EventStream {
    type Item = Result<Event, MissedEvents>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(next) = self.0.state.with(State::next) {
            return Poll::Ready(next);
        }
        // The waker is a user's, and is cloned where no lock is held.
        let waker = cx.waker().clone();
        let (next, before) = self.0.state.with(|state| match state.next() {
            Poll::Ready(next) => (Poll::Ready(next), Some(waker)),
            Poll::Pending => (Poll::Pending, state.waiting.replace(waker)),
        });
        let _ = drop_caught(before);
        next
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let waiting = self.0.state.with(|state| state.waiting.take());
        let _ = drop_caught(waiting);
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (queued, missed) = self.0.state.with(|state| (state.events.len(), state.missed));
        f.debug_struct("EventStream")
            .field("queued", &queued)
            .field("missed", &missed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::tree::events::EventKind;

    fn next(stream: &mut EventStream) -> Poll<Option<Result<Event, MissedEvents>>> {
        Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn after_its_end_a_stream_has_no_event_whoever_still_tells_one() {
        let (subscribers, is_watched) = (Subscribers::default(), AtomicBool::new(false));
        let (child, kind) = (Arc::from("counter"), EventKind::BecameHeir);
        let event = Event { at: SystemTime::now(), path: Arc::clone(&child), child, kind };
        let mut before = subscribers.add(10, &is_watched);
        subscribers.tell(&event, &is_watched, false);
        subscribers.end();
        let mut after = subscribers.add(10, &is_watched);
        // A task that was left behind tells one, and another thread has looked the queues up before the end.
        subscribers.tell(&event, &is_watched, false);
        before.0.push(event);
        assert!(matches!(next(&mut before), Poll::Ready(Some(Ok(_)))), "what was queued can be taken out");
        assert_eq!(next(&mut before), Poll::Ready(None));
        assert_eq!(next(&mut after), Poll::Ready(None));
    }
}
