//! The lock under every shared state, and the ways to wait for a change of it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::PoisonError;
use std::task::{Poll, Waker};

#[cfg(not(heir_loom))]
use std::sync::Mutex;
#[cfg(not(heir_loom))]
pub(crate) use std::sync::{MutexGuard as Locked, atomic::AtomicBool};

#[cfg(heir_loom)]
use loom::sync::Mutex;
#[cfg(heir_loom)]
pub(crate) use loom::sync::{MutexGuard as Locked, atomic::AtomicBool};

use crate::util::caught::{drop_caught, wake_caught};

/// A value behind a lock that does not poison.
///
/// The lock is held to look and to move, never across an await and never while a user's code runs.
/// Destructors may be a user's code: so every value that leaves the lock is returned, and the caller
/// drops it when the lock is free again. What the caller of [`with`](Self::with) takes out, its
/// closure returns.
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    #[cfg(not(heir_loom))]
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[cfg(heir_loom)]
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Locks until the guard is dropped: for steps that go on after the lock is free. All others
    /// are clearer with [`with`](Self::with).
    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` under the lock, and returns its result when the lock is free.
    #[inline]
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock())
    }

    /// Puts `value` behind the lock, and returns the value before it.
    #[must_use = "`set` drops the value before"]
    #[inline]
    pub(crate) fn replace(&self, value: T) -> T {
        self.with(|before| std::mem::replace(before, value))
    }

    /// Takes the value out, and leaves a default one.
    #[inline]
    pub(crate) fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }

    /// Puts `value` behind the lock, and drops the value before it when the lock is free.
    #[inline]
    pub(crate) fn set(&self, value: T) {
        drop(self.replace(value));
    }

    /// The value. Nobody else can reach the lock any more.
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock(..)")
    }
}

/// A value behind a lock, whose changes any number of tasks can await.
///
/// The lock is never held across an await or across a user's code, so it cannot be poisoned by one. The tasks may be anybody's: their
/// wakers are cloned, woken and dropped outside, each caught, so that one that panics keeps no other asleep.
pub(crate) struct WatchMany<S>(Lock<Awaited<S>>);

struct Awaited<S> {
    value: S,
    /// Mostly nobody waits.
    waiting: BTreeMap<Ticket, Waker>,
    next: Ticket,
}

type Ticket = u64;

impl<S> WatchMany<S> {
    pub(crate) fn new(value: S) -> Self {
        Self(Lock::new(Awaited { value, waiting: BTreeMap::new(), next: 0 }))
    }

    /// Looks, without telling anyone.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.0.lock().value)
    }

    /// Changes the value, and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.0.lock();
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
            if let Some(found) = take(&mut self.0.lock().value) {
                return Poll::Ready(found);
            }
            let waker = cx.waker().clone();
            let mut inner = self.0.lock();
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
}

/// Somebody waits, until this is dropped.
struct Waits<'w, S> {
    watched: &'w WatchMany<S>,
    ticket: Option<Ticket>,
}

impl<S> Drop for Waits<'_, S> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let waker = self.watched.0.lock().waiting.remove(&ticket);
            let _ = drop_caught(waker);
        }
    }
}

/// A value behind a lock, for whose changes one task waits at a time.
///
/// The lock is as that of [`WatchMany`]; the waker may be anybody's: it is cloned, woken and dropped outside.
pub(crate) struct WatchOne<S>(Lock<Waited<S>>);

struct Waited<S> {
    value: S,
    waiting: Option<Waker>,
}

impl<S> WatchOne<S> {
    pub(crate) fn new(value: S) -> Self {
        Self(Lock::new(Waited { value, waiting: None }))
    }

    /// Looks, or makes a change that nobody waits for.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut S) -> R) -> R {
        work(&mut self.0.lock().value)
    }

    /// Changes the value, and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.0.lock();
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
            if let Some(found) = take(&mut self.0.lock().value) {
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
        let mut inner = self.0.lock();
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
        let mut inner = self.0.lock();
        let result = work(&mut inner.value);
        let waiting = inner.waiting.take();
        drop(inner);
        drop(waiting);
        result
    }
}

#[cfg(all(test, not(heir_loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    static LOCK: Lock<Option<Probe>> = Lock::new(None);

    /// Asserts that the lock is free when it is dropped.
    struct Probe;

    impl Drop for Probe {
        fn drop(&mut self) {
            assert!(LOCK.0.try_lock().is_ok(), "dropped under the lock");
        }
    }

    #[test]
    fn what_leaves_the_lock_is_dropped_when_the_lock_is_free() {
        for change in [
            || LOCK.set(None),
            || drop(LOCK.replace(None)),
            || drop(LOCK.take()),
            || drop(LOCK.with(Option::take)),
        ] {
            LOCK.set(Some(Probe));
            change();
        }
    }

    #[test]
    fn a_panic_under_the_lock_leaves_it_usable() {
        let lock = Lock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| lock.with(|_| panic!("under the lock"))));
        assert!(panicked.is_err());
        assert_eq!((lock.replace(2), lock.take(), lock.into_inner()), (1, 2, 0));
    }
}
