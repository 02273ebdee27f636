//! How a worker is made from its key: the closure that was given to `each`.

use std::sync::Arc;

use crate::util::caught::{CatchDrop, PanicMessage, caught};
use crate::util::sync::Lock;
use crate::worker::Handlers;
use crate::worker::Spec;

/// The closure that makes a worker's spec from its key, until the supervisor has ended for good: the
/// closure may have handles, and keep alive what they are on.
pub(super) struct Each<K, W: Handlers>(Lock<State<K, W>>);

enum State<K, W: Handlers> {
    Unset,
    Set(Arc<dyn MakeSpec<K, W>>),
    /// The supervisor has ended for good.
    Ended,
}

/// Makes a worker's spec from its key. Through this trait a `Dynamic` is `Send` and `Sync` without a
/// look at the arguments of its worker: one of them may be this very `Dynamic`, or the handle of a
/// worker that has it.
trait MakeSpec<K, W: Handlers>: Send + Sync {
    fn make(&self, key: &K) -> Spec<W>;
}

impl<K, W: Handlers, F: Fn(&K) -> Spec<W> + Send + Sync> MakeSpec<K, W> for CatchDrop<F> {
    fn make(&self, key: &K) -> Spec<W> {
        self.get()(key)
    }
}

/// Why a key has no spec.
pub(super) enum NoSpec {
    /// No closure was given.
    Unset,
    /// The supervisor has ended for good.
    Ended,
    /// The closure panicked.
    Panicked(PanicMessage),
}

impl<K, W: Handlers> Default for Each<K, W> {
    fn default() -> Self {
        Self(Lock::new(State::Unset))
    }
}

impl<K: 'static, W: Handlers> Each<K, W> {
    /// Sets the closure, in place of the one before.
    pub(super) fn set(&self, make: impl Fn(&K) -> Spec<W> + Send + Sync + 'static) {
        let set = State::Set(Arc::new(CatchDrop::new(make)));
        let dropped = self.0.with(|state| match state {
            State::Ended => set,
            State::Unset | State::Set(_) => std::mem::replace(state, set),
        });
        drop(dropped);
    }

    /// The supervisor has ended for good: drops the closure.
    pub(super) fn end(&self) {
        self.0.set(State::Ended);
    }

    /// Makes the spec of the worker with this key. The closure may panic, and runs under no lock.
    pub(super) fn make(&self, key: &K) -> Result<Spec<W>, NoSpec> {
        let make = self.0.with(|state| match state {
            State::Unset => Err(NoSpec::Unset),
            State::Set(make) => Ok(Arc::clone(make)),
            State::Ended => Err(NoSpec::Ended),
        })?;
        caught(|| make.make(key)).map_err(NoSpec::Panicked)
    }
}
