//! A user's value whose destructor cannot hurt whoever drops it.

use std::ops::Deref;

use crate::util::caught::{caught, drop_caught};

/// A value of the user's inside a table.
///
/// A concurrent map drops what was replaced or removed when its last reader has gone: later, and in any thread, even in
/// one that is unwinding already. A destructor that panics there would tear down a stranger, or the process. So it is
/// caught here, where it happens, and told to the log.
pub(super) struct Kept<T>(Option<T>);

impl<T> Kept<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Gives the value back to code whose panics are its own affair.
    pub(super) fn into_inner(mut self) -> T {
        self.0.take().expect("only this takes it out, and it takes `self`")
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only `into_inner` takes it out, and it takes `self`")
    }
}

impl<T: Clone> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self::new(T::clone(self))
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            let Some(value) = self.0.take() else { return };
            if let Err(message) = drop_caught(value) {
                // A subscriber that panicked here would end a commit between two tables.
                let _ = caught(
                    || tracing::error!(target: "heir", panic = %message, "a destructor in a table panicked"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("from a destructor");
        }
    }

    #[test]
    fn a_destructor_that_panics_goes_no_further() {
        drop(Kept::new(PanicsWhenDropped));
    }

    #[test]
    fn a_destructor_that_panics_while_its_thread_unwinds_ends_neither_the_thread_nor_the_process() {
        let thread = std::thread::spawn(|| {
            let _first = Kept::new(PanicsWhenDropped);
            let _second = Kept::new(PanicsWhenDropped);
            panic!("unwinds");
        });
        let payload = thread.join().unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"unwinds"));
    }
}
