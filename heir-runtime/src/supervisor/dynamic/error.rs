//! Why a `Dynamic` has not started a worker, or does not give its tables.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::estate::ClaimError;
use crate::process::exit::ExitReason;
use crate::supervisor::report::StartError;

/// Why a worker was not started under a key. `H` is the type of its handle.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DynamicError<H> {
    /// Another worker has this key: here is its handle.
    #[error("there is a worker of this key already")]
    AlreadyStarted(H),
    /// The supervisor has given up on the worker that has this key:
    /// [`Dynamic::restart`](crate::Dynamic::restart) starts it again.
    #[error("the supervisor has given up on the worker of this key: {reason}")]
    #[non_exhaustive]
    GaveUp {
        /// The worker's handle.
        handle: H,
        /// Why the worker, or its manager, ended last.
        reason: ExitReason,
    },
    /// The worker did not start, and is gone.
    #[error(transparent)]
    NotStarted(#[from] StartError),
    /// There is no worker of this key, and nobody has said how one is made.
    #[error(
        "there is no worker of this key, and the supervisor does not know how to make one: give `Dynamic::spec()` an \
         `each(|key| ..)`, or call `get_or_start_with`"
    )]
    NoSpec,
    /// The closure given to [`each`](crate::SupervisorBuilder::each) panicked, with this message.
    #[error("the spec of this key could not be made: `each` panicked: {0}")]
    SpecPanicked(Arc<str>),
    /// The worker was not up within this time. Its start goes on.
    #[error("the worker was not up within {0:?}: its start goes on")]
    TimedOut(Duration),
}

/// Why [`Dynamic::take`](crate::Dynamic::take) returns no tables. `H` is the type of the worker's
/// handle.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError<H> {
    /// There is no worker of this key.
    #[error("there is no worker of this key")]
    NotFound,
    /// The worker of this key was neither given up nor terminated, or is being terminated at the
    /// moment. Nothing has changed.
    #[error("the worker of this key is not down: stop it, or terminate it first")]
    Running(H),
    /// The worker has ended for good, and its key is free, but its tables are not at home: they were
    /// never created; or an incarnation that does not yield to the runtime still holds them, and they
    /// come home to the [estate](crate::Handle::estate) of the handle when it does.
    #[error("the worker of this key has ended, but its tables are not at home: {why}")]
    #[non_exhaustive]
    Away {
        /// The worker's handle.
        handle: H,
        /// Where the tables are.
        why: ClaimError,
    },
    /// The supervisor is gone, and the worker with it. The tables can be claimed from the
    /// [estate](crate::Handle::estate) of the handle.
    #[error("the supervisor is gone")]
    Gone(H),
}

impl<H> fmt::Debug for DynamicError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicError({self})")
    }
}

impl<H> fmt::Debug for TakeError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TakeError({self})")
    }
}
