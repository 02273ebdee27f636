//! Why an accepted message gets no reply.

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;

/// Why an accepted message gets no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The worker died while it served the message.
    #[error("incarnation {incarnation} of the worker died while it served it: {reason}")]
    #[non_exhaustive]
    Died {
        /// The number of the incarnation.
        incarnation: u64,
        /// Why it died.
        reason: ExitReason,
    },
    /// The message was never served.
    #[error("the worker stopped before it served it: {0}")]
    Stopped(Stopped),
    /// The worker has served the message, and the [store](https://docs.rs/heir-runtime/latest/heir_runtime/store)
    /// failed when it kept its changes.
    #[error("the store failed when it kept what this message has changed: it is there, or it is not")]
    Unknown,
    /// The worker serves the message, and does not yield to the runtime.
    #[error("incarnation {incarnation} of the worker does not yield to the runtime while it serves it")]
    #[non_exhaustive]
    Unresponsive {
        /// The number of the incarnation.
        incarnation: u64,
    },
}

/// What a caller hears, unless its message is dropped without a word. The refusal is in a box:
/// replies are smaller then.
pub(crate) type Heard<R> = Result<R, Box<Refusal>>;
