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
/// Destructors may be a user's code: so every value that leaves the lock is returned, and the
/// caller drops it when the lock is free again.
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

    /// Runs `work` under the lock, and returns its result when the lock is free. A value that `work`
    /// captures and neither stores nor returns is dropped under the lock.
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
/// The tasks may be a user's: their wakers are cloned, woken and dropped outside the lock. A panic
/// in waking is caught, so that no other task stays asleep.
pub(crate) struct WatchMany<S>(Lock<Awaited<S>>);

struct Awaited<S> {
    value: S,
    /// The wakers of the tasks that wait: mostly none.
    waiting: BTreeMap<Ticket, Waker>,
    next: Ticket,
}

type Ticket = u64;

impl<S> WatchMany<S> {
    pub(crate) fn new(value: S) -> Self {
        Self(Lock::new(Awaited { value, waiting: BTreeMap::new(), next: 0 }))
    }

    /// Runs `look` under the lock.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        self.0.with(|inner| look(&inner.value))
    }

    /// Changes the value, and wakes the tasks that wait for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let (result, waiting) =
            self.0.with(|inner| (change(&mut inner.value), std::mem::take(&mut inner.waiting)));
        waiting.into_values().for_each(wake_caught);
        result
    }

    /// Waits until `take` returns a value, which it looks for after each change.
    ///
    /// Cancel safe: `take` runs only inside a poll that returns its value.
    pub(crate) async fn until<R>(&self, mut take: impl FnMut(&mut S) -> Option<R>) -> R {
        let mut waits = Waits { watched: self, ticket: None };
        poll_fn(|cx| {
            if let Some(found) = take(&mut self.0.lock().value) {
                return Poll::Ready(found);
            }
            let waker = cx.waker().clone();
            let mut inner = self.0.lock();
            // It looks again: from here on a change finds the waker.
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

/// One task that waits, until this is dropped.
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

/// A value behind a lock, whose changes one task at a time can await.
///
/// The task may be a user's: its waker is cloned, woken and dropped outside the lock, and a panic
/// in waking is caught.
pub(crate) struct WatchOne<S>(Lock<Waited<S>>);

struct Waited<S> {
    value: S,
    waiting: Option<Waker>,
}

impl<S> WatchOne<S> {
    pub(crate) fn new(value: S) -> Self {
        Self(Lock::new(Waited { value, waiting: None }))
    }

    /// Runs `work` under the lock: a look, or a change that no task waits for.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut S) -> R) -> R {
        self.0.with(|inner| work(&mut inner.value))
    }

    /// Changes the value, and wakes the task that waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let (result, waiting) = self.0.with(|inner| (change(&mut inner.value), inner.waiting.take()));
        if let Some(waiting) = waiting {
            wake_caught(waiting);
        }
        result
    }

    /// Waits until `take` returns a value, which it looks for after each change. Of two tasks that
    /// wait, only the second is woken.
    ///
    /// Cancel safe: `take` runs only inside a poll that returns its value.
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

    /// Returns the value of `take`. If it has none, `waker` is woken at the next change.
    pub(crate) fn take_or_wake<R>(&self, waker: Waker, take: impl FnOnce(&mut S) -> Option<R>) -> Option<R> {
        let (found, unneeded) = self.0.with(|inner| match take(&mut inner.value) {
            Some(found) => (Some(found), Some(waker)),
            None => (None, inner.waiting.replace(waker)),
        });
        drop(unneeded);
        found
    }

    /// Changes the value, and wakes nobody: the task that waited does not wait any more, and is
    /// forgotten.
    pub(crate) fn update_unwatched<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let (result, waiting) = self.0.with(|inner| (change(&mut inner.value), inner.waiting.take()));
        drop(waiting);
        result
    }
}

#[cfg(all(test, not(heir_loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Wake};

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

    /// Its waker asserts that the lock is free when it is dropped.
    struct Waiter(Arc<WatchOne<bool>>);

    impl Wake for Waiter {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Waiter {
        fn drop(&mut self) {
            assert!(self.0.0.0.try_lock().is_ok(), "dropped under the lock");
        }
    }

    #[test]
    fn a_waker_is_dropped_when_the_lock_is_free_whether_or_not_it_is_needed() {
        let watched = Arc::new(WatchOne::new(false));
        let waits = || {
            let waker = Waker::from(Arc::new(Waiter(Arc::clone(&watched))));
            watched.take_or_wake(waker, |is_there| is_there.then_some(()))
        };
        assert!(waits().is_none() && waits().is_none());
        watched.update_unwatched(|is_there| *is_there = true);
        assert!(waits().is_some());
    }

    #[test]
    fn a_panic_under_the_lock_leaves_it_usable() {
        let lock = Lock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| lock.with(|_| panic!("under the lock"))));
        assert!(panicked.is_err());
        assert_eq!((lock.replace(2), lock.take(), lock.into_inner()), (1, 2, 0));
    }

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
