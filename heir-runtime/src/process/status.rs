//! What a worker does at the moment, and why it has stopped for good.

use std::fmt;
use std::sync::Arc;

use crate::process::exit::ExitReason;

/// What a worker does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Status {
    /// No incarnation lives: its supervisor has not started one, or is about to start the next.
    Down,
    /// An incarnation waits for its tables, or runs its start hooks.
    Starting {
        /// Its number.
        incarnation: u64,
    },
    /// An incarnation serves.
    Serving {
        /// Its number.
        incarnation: u64,
    },
    /// An incarnation does not yield to the runtime, and nobody can take its tables from it: they
    /// pass on when it yields, and not before. The caller of the message that it serves has been
    /// told; the other messages wait.
    Unresponsive {
        /// Its number.
        incarnation: u64,
    },
    /// No incarnation lives: the worker was stopped by
    /// [`SupervisorHandle::terminate_child`](crate::SupervisorHandle::terminate_child), until it is
    /// started again. Messages wait.
    Terminated,
    /// No incarnation lives: the worker's supervisor, a [`Dynamic`](crate::Dynamic), has given up on
    /// it after too many restarts, the last because of this, until it is
    /// [started again](crate::Dynamic::restart). Messages are refused.
    GaveUp(ExitReason),
    /// The worker will not serve any more.
    Stopped(Stopped),
}

/// Why a worker will not serve any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Stopped {
    /// The worker, or its tree, was asked to stop.
    #[error("it was shut down")]
    Shutdown,
    /// The worker ended for this reason, and its restart type says that it is not restarted.
    #[error("it ended ({0}) and is not to be restarted")]
    Ended(ExitReason),
    /// Its supervisor gave up: more restarts than its intensity allows. The last restart was for
    /// this reason.
    ///
    /// A [`Dynamic`](crate::Dynamic) gives up on one worker: senders are told this while the worker's
    /// [`Status`] is [`GaveUp`](Status::GaveUp), and it serves again once it is
    /// [started again](crate::Dynamic::restart).
    #[error("its supervisor gave up after too many restarts, the last because of {0}")]
    GaveUp(ExitReason),
    /// Its tables were quarantined, for this reason. The tables are in the estate, free to be
    /// claimed.
    #[error("its tables were quarantined: {0}")]
    Quarantined(Arc<str>),
    /// Its tables were quarantined, and as many tables were parked already as
    /// [`Spec::max_quarantined`](crate::Spec::max_quarantined) allows. The last tables are in the
    /// estate, free to be claimed; the parked tables are taken out with
    /// [`Handle::take_quarantined`](crate::Handle::take_quarantined).
    #[error(
        "its tables were quarantined ({reason}), and {parked} before them are still parked: claim these from its estate, take those \
         out with `Handle::take_quarantined`, and let `Spec::max_quarantined` allow more if that is too few"
    )]
    #[non_exhaustive]
    QuarantineFull {
        /// Why the last tables were quarantined.
        reason: Arc<str>,
        /// How many tables are parked.
        parked: usize,
    },
    /// A worker of another type has its id, and its tables
    /// ([`SupervisorHandle::upgrade_child`](crate::SupervisorHandle::upgrade_child)).
    #[error("another worker has taken its place, and its tables")]
    Upgraded,
    /// Its supervisor did not start, for this reason.
    #[error("its supervisor did not start: {0}")]
    NotStarted(Arc<str>),
    /// Its supervisor has ended because this significant child has ended.
    #[error("its supervisor ended with its significant child `{0}`")]
    Significant(Arc<str>),
    /// Its supervisor was dropped: the value that `start` returned, the builder before that, or the
    /// whole tree with its tokio runtime.
    #[error(
        "its supervisor was dropped, alone or with its tokio runtime: keep what `start` returned until you call its \
         `shutdown`"
    )]
    Dropped,
}

impl Status {
    /// Whether the worker runs, or is about to be restarted.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self, Self::Terminated | Self::GaveUp(_) | Self::Stopped(_))
    }
}

impl Stopped {
    /// Whether somebody asked for it, or the restart type allows for it.
    pub(crate) fn is_as_intended(&self) -> bool {
        match self {
            Self::Shutdown | Self::Upgraded | Self::Significant(_) => true,
            Self::Ended(reason) => reason.is_normal(),
            Self::GaveUp(_)
            | Self::Quarantined(_)
            | Self::QuarantineFull { .. }
            | Self::NotStarted(_)
            | Self::Dropped => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Starting { incarnation } => write!(f, "incarnation {incarnation} starting"),
            Self::Serving { incarnation } => write!(f, "incarnation {incarnation} serving"),
            Self::Unresponsive { incarnation } => {
                write!(f, "incarnation {incarnation} unresponsive: it holds the tables until it yields")
            }
            Self::Terminated => f.write_str("terminated"),
            Self::GaveUp(reason) => write!(f, "given up: {reason}"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
