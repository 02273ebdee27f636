//! Why an owner ended, and errors of any kind.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::util::caught::{caught, drop_caught};

/// An error of any kind, as hooks and `init` expressions return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an incarnation, or any other owner of tables, ended (OTP's exit reasons).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ExitReason {
    /// It had done its work (`normal`).
    Normal,
    /// It was asked to stop by its supervisor (`shutdown`).
    Shutdown,
    /// It ended in order, and said why (`{shutdown, Reason}`): for its supervisor this is as normal
    /// as [`Shutdown`](Self::Shutdown).
    ShutdownWith(Arc<str>),
    /// It gave up by itself, with this message: a hook failed, or it called
    /// [`Context::fail`](crate::Context::fail).
    Error(Arc<str>),
    /// It panicked, with this message.
    Panic(Arc<str>),
    /// It was dropped where it stood: by [`kill`](crate::Handle::kill), by the abort after a
    /// shutdown timeout, at the end of the tokio runtime, or as a lease dropped without a word.
    Killed,
    /// A handler or hook took longer than its worker's
    /// [`handler_timeout`](crate::Spec::handler_timeout).
    #[non_exhaustive]
    TimedOut {
        /// The name of the handler or hook.
        handler: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// It did not yield to the runtime for longer than its worker's
    /// [`heartbeat`](crate::Spec::heartbeat).
    #[non_exhaustive]
    Unresponsive {
        /// How long it may go without.
        limit: Duration,
    },
    /// There was no living incarnation to link to, or to monitor (`noproc`).
    NoProc,
}

impl ExitReason {
    /// An [`ExitReason::Error`] with the message of `error`.
    ///
    /// ```
    /// use heir_runtime::ExitReason;
    ///
    /// let reason = ExitReason::error("the disk is full");
    /// assert_eq!(reason.to_string(), "error: the disk is full");
    /// assert!(!reason.is_normal());
    /// ```
    pub fn error(error: impl fmt::Display) -> Self {
        Self::Error(Arc::from(error.to_string()))
    }

    /// As [`error`](Self::error), for an error that a user's code has returned: its `Display` and
    /// its destructor are not our code either. If its `Display` panics, the reason is that panic.
    pub(crate) fn returned(error: impl fmt::Display) -> Self {
        let words = caught(|| error.to_string());
        let _ = drop_caught(error);
        words.map_or_else(Self::Panic, |words| Self::Error(Arc::from(words)))
    }

    /// An [`ExitReason::ShutdownWith`] this message.
    ///
    /// ```
    /// use heir_runtime::ExitReason;
    ///
    /// let reason = ExitReason::shutdown("closed for today");
    /// assert_eq!(reason.to_string(), "shutdown: closed for today");
    /// assert!(reason.is_normal());
    /// ```
    pub fn shutdown(words: impl fmt::Display) -> Self {
        Self::ShutdownWith(Arc::from(words.to_string()))
    }

    /// Whether it is the fault of the worker or of its tables: an error, a panic, a handler that
    /// took too long.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Error(_) | Self::Panic(_) | Self::TimedOut { .. })
    }

    pub(crate) fn is_panic(&self) -> bool {
        matches!(self, Self::Panic(_))
    }

    /// Whether a [transient](crate::Restart::Transient) child that ends for this reason is not
    /// restarted.
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
            Self::Unresponsive { limit } => {
                write!(f, "unresponsive: it did not yield to the runtime for {limit:?}")
            }
            Self::NoProc => f.write_str("noproc: there was no living incarnation"),
        }
    }
}

/// How an owner ended, as its estate remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Exit {
    /// The number of the owner.
    pub incarnation: u64,
    /// Why it ended.
    pub reason: ExitReason,
    /// Whether it was in the middle of a message, or a hook: a worker's recorded and `rollback`
    /// tables are then as they were before it. (The owner of a bare lease says so by
    /// [`begin_message`](crate::estate::Lease::begin_message), and nothing is undone.)
    pub in_message: bool,
    /// When its tables were back in the estate.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "elapsed", serialize_with = "crate::util::elapsed::serialize")
    )]
    pub at: Instant,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "incarnation {} ended ({}", self.incarnation, self.reason)?;
        f.write_str(if self.in_message { ", in the middle of a message)" } else { ")" })
    }
}
