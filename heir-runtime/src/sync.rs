//! The lock under every shared state, and the one way to wait for a change of it.

use std::pin::pin;

use tokio::sync::Notify;

#[cfg(not(heir_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(heir_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};

/// A value behind a lock, whose changes can be awaited.
///
/// The lock is never held across an await or across a user's code, so it cannot be poisoned by one.
pub(crate) struct Watched<S> {
    value: Mutex<S>,
    changed: Notify,
}

impl<S> Watched<S> {
    pub(crate) fn new(value: S) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    /// Looks, without telling anyone.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the value, and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    /// Waits until `take` finds what it is looking for.
    ///
    /// Cancel safe: `take` runs only inside a poll that returns what it took.
    pub(crate) async fn until<R>(&self, mut take: impl FnMut(&mut S) -> Option<R>) -> R {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Registered before looking: a change between the look and the await wakes it.
            changed.as_mut().enable();
            let found = take(&mut self.lock());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        self.value.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
