//! What a worker does, and why it does nothing any more.

use std::fmt;
use std::sync::Arc;

use crate::process::exit::ExitReason;

/// What a worker does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No incarnation lives: its supervisor has not started one, or is about to start the next.
    Down,
    /// This incarnation waits for its tables, or runs its start hooks.
    Starting(u64),
    /// This incarnation serves.
    Serving(u64),
    /// This incarnation does not yield to the runtime, and nobody can take its tables from it: they pass on when it lets go, and
    /// not before. The caller of the message it serves has been told; the other messages wait.
    Unresponsive(u64),
    /// No incarnation lives, and none will before it is asked for
    /// ([`SupervisorHandle::terminate_child`](crate::SupervisorHandle::terminate_child)). Messages wait.
    Terminated,
    /// It will not serve any more.
    Stopped(Stopped),
}

/// Why a worker will not serve any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// It, or the tree it belongs to, was asked to stop.
    #[error("it was shut down")]
    Shutdown,
    /// It ended, and its restart type says that it stays ended.
    #[error("it ended ({0}) and is not to be restarted")]
    Ended(ExitReason),
    /// Its supervisor gave up: more restarts than its intensity allows. The last one was for this reason.
    #[error("its supervisor gave up after too many restarts, the last because of {0}")]
    GaveUp(ExitReason),
    /// Its tables were quarantined, for this reason. They are in the estate, free to be claimed.
    #[error("its tables were quarantined: {0}")]
    Quarantined(Arc<str>),
    /// Its tables were quarantined, and as many were parked already as
    /// [`Spec::max_quarantined`](crate::Spec::max_quarantined) allows. These are in the estate,
    /// free to be claimed; those that were parked before them are taken out with
    /// [`Handle::take_quarantined`](crate::Handle::take_quarantined).
    #[error(
        "its tables were quarantined ({reason}), and {parked} before them are still parked: claim these from its estate, take those \
         out with `Handle::take_quarantined`, and let `Spec::max_quarantined` allow more if that is too few"
    )]
    #[non_exhaustive]
    QuarantineFull {
        /// Why they were quarantined.
        reason: Arc<str>,
        /// How many are parked.
        parked: usize,
    },
    /// A worker of another type has its place, and its tables
    /// ([`SupervisorHandle::upgrade_child`](crate::SupervisorHandle::upgrade_child)).
    #[error("another worker has taken its place, and its tables")]
    Upgraded,
    /// Its supervisor did not start, for this reason.
    #[error("its supervisor did not start: {0}")]
    NotStarted(Arc<str>),
    /// Its supervisor has ended because this significant child has.
    #[error("its supervisor ended with its significant child `{0}`")]
    Significant(Arc<str>),
    /// Its supervisor was dropped: what `start` returned, its builder before that, or all of it with its tokio runtime.
    #[error(
        "its supervisor was dropped, alone or with its tokio runtime: keep what `start` returned until you call its \
         `shutdown`"
    )]
    Dropped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Starting(incarnation) => write!(f, "incarnation {incarnation} starting"),
            Self::Serving(incarnation) => write!(f, "incarnation {incarnation} serving"),
            Self::Unresponsive(incarnation) => {
                write!(f, "incarnation {incarnation} unresponsive: it holds the tables until it yields")
            }
            Self::Terminated => f.write_str("terminated"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
