//! The lock under every shared state, and the ways to wait for a change of it.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use tokio::sync::Notify;

#[cfg(not(heir_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicBool};

#[cfg(heir_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicBool};

use crate::caught::wake_caught;

/// A value behind a lock, whose changes any number of tasks can await.
///
/// The lock is never held across an await or across a user's code, so it cannot be poisoned by one.
pub(crate) struct Watched<S> {
    inner: Mutex<Counted<S>>,
    changed: Notify,
}

struct Counted<S> {
    value: S,
    /// How many wait: mostly nobody does, and nobody is woken.
    waiting: usize,
}

impl<S> Watched<S> {
    pub(crate) fn new(value: S) -> Self {
        Self { inner: Mutex::new(Counted { value, waiting: 0 }), changed: Notify::new() }
    }

    /// Looks, without telling anyone.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock().value)
    }

    /// Changes the value, and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.value);
        let is_awaited = inner.waiting > 0;
        drop(inner);
        if is_awaited {
            self.changed.notify_waiters();
        }
        result
    }

    /// Waits until `take` finds what it is looking for: in a task of ours, or [guarded](crate::caught::guarded), because who waits
    /// is woken in the task of whoever changes the value.
    ///
    /// Cancel safe: `take` runs only inside a poll that returns what it took.
    pub(crate) async fn until<R>(&self, mut take: impl FnMut(&mut S) -> Option<R>) -> R {
        loop {
            // Made before looking: a change between the look and the await wakes it.
            let changed = self.changed.notified();
            let waits = {
                let mut inner = self.lock();
                if let Some(found) = take(&mut inner.value) {
                    return found;
                }
                inner.waiting += 1;
                Waits(self)
            };
            changed.await;
            drop(waits);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted<S>> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Somebody waits, until this is dropped.
struct Waits<'w, S>(&'w Watched<S>);

impl<S> Drop for Waits<'_, S> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// A value behind a lock, for whose changes one task waits at a time.
///
/// The lock is as that of [`Watched`]; the waker may be anybody's: it is cloned, woken and dropped outside.
pub(crate) struct Expected<S>(Mutex<Waited<S>>);

struct Waited<S> {
    value: S,
    waiting: Option<Waker>,
}

impl<S> Expected<S> {
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
