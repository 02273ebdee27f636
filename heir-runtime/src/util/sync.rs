//! The lock under every shared state, and the ways to wait for a change of it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

#[cfg(not(heir_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicBool};

#[cfg(heir_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicBool};

use crate::util::caught::{drop_caught, wake_caught};

/// A value behind a lock, whose changes any number of tasks can await.
///
/// The lock is never held across an await or across a user's code, so it cannot be poisoned by one. The tasks may be anybody's: their
/// wakers are cloned, woken and dropped outside, each caught, so that one that panics keeps no other asleep.
pub(crate) struct WatchMany<S>(Mutex<Awaited<S>>);

struct Awaited<S> {
    value: S,
    /// Mostly nobody waits.
    waiting: BTreeMap<Ticket, Waker>,
    next: Ticket,
}

type Ticket = u64;

impl<S> WatchMany<S> {
    pub(crate) fn new(value: S) -> Self {
        Self(Mutex::new(Awaited { value, waiting: BTreeMap::new(), next: 0 }))
    }

    /// Looks, without telling anyone.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock().value)
    }

    /// Changes the value, and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.value);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_values().for_each(wake_caught);
        result
    }

    /// Waits until `take` finds what it is looking for.
    ///
    /// Cancel safe: `take` runs only inside a poll that returns what it took.
    pub(crate) async fn until<R>(&self, mut take: impl FnMut(&mut S) -> Option<R>) -> R {
        let mut waits = Waits { watched: self, ticket: None };
        poll_fn(|cx| {
            if let Some(found) = take(&mut self.lock().value) {
                return Poll::Ready(found);
            }
            let waker = cx.waker().clone();
            let mut inner = self.lock();
            // Again: from here on a change finds the waker.
            if let Some(found) = take(&mut inner.value) {
                return Poll::Ready(found);
            }
            let ticket = *waits.ticket.get_or_insert(inner.next);
            inner.next = inner.next.max(ticket + 1);
            let before = inner.waiting.insert(ticket, waker);
            drop(inner);
            let _ = drop_caught(before);
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Awaited<S>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Somebody waits, until this is dropped.
struct Waits<'w, S> {
    watched: &'w WatchMany<S>,
    ticket: Option<Ticket>,
}

impl<S> Drop for Waits<'_, S> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let waker = self.watched.lock().waiting.remove(&ticket);
            let _ = drop_caught(waker);
        }
    }
}

/// A value behind a lock, for whose changes one task waits at a time.
///
/// The lock is as that of [`WatchMany`]; the waker may be anybody's: it is cloned, woken and dropped outside.
pub(crate) struct WatchOne<S>(Mutex<Waited<S>>);

struct Waited<S> {
    value: S,
    waiting: Option<Waker>,
}

impl<S> WatchOne<S> {
    pub(crate) fn new(value: S) -> Self {
        Self(Mutex::new(Waited { value, waiting: None }))
    }

    /// Looks, or makes a change that nobody waits for.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut S) -> R) -> R {
        work(&mut self.lock().value)
    }

    /// Changes the value, and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.value);
        let waiting = inner.waiting.take();
        drop(inner);
        if let Some(waiting) = waiting {
            wake_caught(waiting);
        }
        result
    }

    /// Waits until `take` finds what it is looking for. A second one that waits is waited for instead of the first.
    ///
    /// Cancel safe: `take` runs only inside a poll that returns what it took.
    pub(crate) async fn until<R>(&self, mut take: impl FnMut(&mut S) -> Option<R>) -> R {
        poll_fn(|cx| {
            if let Some(found) = take(&mut self.lock().value) {
                return Poll::Ready(found);
            }
            match self.take_or_wake(cx.waker().clone(), &mut take) {
                Some(found) => Poll::Ready(found),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// What `take` finds; if that is nothing, wakes `waker` at the next change.
    pub(crate) fn take_or_wake<R>(&self, waker: Waker, take: impl FnOnce(&mut S) -> Option<R>) -> Option<R> {
        let mut inner = self.lock();
        if let Some(found) = take(&mut inner.value) {
            return Some(found);
        }
        let before = inner.waiting.replace(waker);
        drop(inner);
        drop(before);
        None
    }

    /// Makes a change, and does not wait any more.
    pub(crate) fn leave<R>(&self, work: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.lock();
        let result = work(&mut inner.value);
        let waiting = inner.waiting.take();
        drop(inner);
        drop(waiting);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Waited<S>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(all(test, not(heir_loom)))]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    /// What somebody looks for that comes to pass after a first look.
    fn comes_after_a_look() -> impl FnMut(&mut ()) -> Option<()> {
        let mut looks = 0;
        move |()| {
            looks += 1;
            (looks > 1).then_some(())
        }
    }

    #[test]
    fn what_comes_to_pass_while_somebody_begins_to_wait_is_found() {
        let mut cx = Context::from_waker(Waker::noop());
        let (many, one) = (WatchMany::new(()), WatchOne::new(()));
        assert!(pin!(many.until(comes_after_a_look())).poll(&mut cx).is_ready());
        assert!(pin!(one.until(comes_after_a_look())).poll(&mut cx).is_ready());
    }
}
