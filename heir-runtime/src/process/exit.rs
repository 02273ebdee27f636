//! Why an owner ended.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::util::caught::{caught, drop_caught};

/// Why an incarnation, or any other owner of tables, ended: OTP's exit reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// It had done its work (`normal`).
    Normal,
    /// It was asked to stop by its supervisor (`shutdown`).
    Shutdown,
    /// It ended in order, with a word why (`{shutdown, Reason}`): as normal as [`Shutdown`](Self::Shutdown), for its supervisor.
    ShutdownWith(Arc<str>),
    /// It gave up by itself, with these words: a hook that failed, or [`Context::fail`](crate::Context::fail).
    Error(Arc<str>),
    /// It panicked, with these words.
    Panic(Arc<str>),
    /// It was dropped where it stood: [`kill`](crate::Handle::kill), the abort after a shutdown timeout, the end of the
    /// tokio runtime, or a lease dropped without a word.
    Killed,
    /// A handler or hook took longer than its worker's [`handler_timeout`](crate::Spec::handler_timeout).
    #[non_exhaustive]
    TimedOut {
        /// Its name.
        handler: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// It did not yield to the runtime for longer than its worker's [`heartbeat`](crate::Spec::heartbeat), which was this.
    Unresponsive(Duration),
    /// There was no living incarnation to link to, or to monitor (`noproc`).
    NoProc,
}

impl ExitReason {
    /// An [`ExitReason::Error`] with the words of `error`.
    pub fn error(error: impl fmt::Display) -> Self {
        Self::Error(Arc::from(error.to_string()))
    }

    /// As [`error`](Self::error), for an error that a user's code has returned: its `Display` and its destructor are not our code
    /// either. One whose words cannot be had is a panic.
    pub(crate) fn returned(error: impl fmt::Display) -> Self {
        let words = caught(|| error.to_string());
        let _ = drop_caught(error);
        words.map_or_else(Self::Panic, |words| Self::Error(Arc::from(words)))
    }

    /// An [`ExitReason::ShutdownWith`] these words.
    pub fn shutdown(words: impl fmt::Display) -> Self {
        Self::ShutdownWith(Arc::from(words.to_string()))
    }

    /// Whether it speaks against the worker, or its tables: an error, a panic, a handler without an end.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Error(_) | Self::Panic(_) | Self::TimedOut { .. })
    }

    /// Whether a [transient](crate::Restart::Transient) child that ends like this is left alone.
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }
}

impl std::error::Error for ExitReason {}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(words) => write!(f, "shutdown: {words}"),
            Self::Error(words) => write!(f, "error: {words}"),
            Self::Panic(words) => write!(f, "panic: {words}"),
            Self::Killed => f.write_str("killed"),
            Self::TimedOut { handler, limit } => {
                write!(f, "timed out: `{handler}` took longer than {limit:?}")
            }
            Self::Unresponsive(bound) => {
                write!(f, "unresponsive: it did not yield to the runtime for {bound:?}")
            }
            Self::NoProc => f.write_str("noproc: there was no living incarnation"),
        }
    }
}

/// One end of an owner, as its estate remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exit {
    /// Who ended.
    pub incarnation: u64,
    /// Why.
    pub reason: ExitReason,
    /// Whether it was in the middle of a message, or a hook: a worker's recorded and `rollback` tables are then as they were
    /// before it. (A bare lease says so by [`begin_message`](crate::Lease::begin_message), and undoes nothing.)
    pub in_message: bool,
    /// When its tables were back in the estate.
    pub at: Instant,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "incarnation {} ended ({}", self.incarnation, self.reason)?;
        f.write_str(if self.in_message { ", in the middle of a message)" } else { ")" })
    }
}
