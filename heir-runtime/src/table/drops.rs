//! Dropping a user's values so that their panics reach nobody.

use crate::util::caught::{caught, drop_caught};
use crate::util::ours::is_noted;

/// Drops a value; a panic of its destructor goes to the log, unless the task tells it anyway.
///
/// What a message has replaced is dropped after its commit, and what a dead one has written in
/// another task: a panic there would concern neither.
pub(super) fn drop_quietly<T>(value: T) {
    if std::mem::needs_drop::<T>()
        && let Err(message) = drop_caught(value)
        && !is_noted(&message)
    {
        // A subscriber that panicked here would end a commit after the fact.
        let _ =
            caught(|| tracing::error!(target: "heir", panic = %message, "a destructor in a table panicked"));
    }
}

/// Rows that are dropped one value after the other, each caught: two destructors that panic at once
/// end the process.
pub(super) struct DropRows<K, V>(pub(super) Vec<(K, V)>);

impl<K, V> DropRows<K, V> {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self(Vec::with_capacity(rows))
    }

    /// Puts a clone of a row behind the others.
    pub(super) fn push_clone(&mut self, key: &K, value: &V)
    where
        K: Clone,
        V: Clone,
    {
        self.0.push(cloned(key, value));
    }

    pub(super) fn into_vec(mut self) -> Vec<(K, V)> {
        std::mem::take(&mut self.0)
    }
}

impl<K, V> Drop for DropRows<K, V> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<(K, V)>() {
            for (key, value) in self.0.drain(..) {
                drop_quietly(key);
                drop_quietly(value);
            }
        }
    }
}

/// Clones a row. If the clone of its value panics, the clone of its key is dropped caught.
#[inline]
pub(super) fn cloned<K: Clone, V: Clone>(key: &K, value: &V) -> (K, V) {
    let key = Quiet::new(key.clone());
    let value = value.clone();
    (key.into_inner(), value)
}

/// A value that is dropped caught.
pub(super) struct Quiet<T>(Option<T>);

impl<T> Quiet<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(super) fn get(&self) -> &T {
        self.0.as_ref().expect("only `into_inner` takes it out, and it takes `self`")
    }

    #[inline]
    pub(super) fn into_inner(mut self) -> T {
        self.0.take().expect("only this takes it out, and it takes `self`")
    }
}

impl<T> Drop for Quiet<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_quietly(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fixtures::PanicsWhenDropped;

    #[test]
    fn destructors_that_panic_while_their_thread_unwinds_end_neither_the_thread_nor_the_process() {
        let thread = std::thread::spawn(|| {
            let _first = Quiet::new(PanicsWhenDropped);
            let _rows = DropRows(vec![(PanicsWhenDropped, PanicsWhenDropped)]);
            panic!("unwinds");
        });
        let payload = thread.join().unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"unwinds"));
    }
}
