//! What a supervisor does at the moment.

use std::fmt;

use crate::process::status::Stopped;

/// What a supervisor does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SubtreeStatus {
    /// The supervisor does not run: it has not started, or is about to be restarted.
    Down,
    /// The supervisor starts its children.
    Starting,
    /// The supervisor has started its children, and supervises them.
    Running,
    /// The supervisor does not run until it is restarted on request, after
    /// [`SupervisorHandle::terminate_child`](crate::SupervisorHandle::terminate_child).
    Terminated,
    /// The supervisor has stopped for good.
    Stopped(Stopped),
}

impl SubtreeStatus {
    /// Whether the supervisor runs, or is about to be restarted.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self, Self::Terminated | Self::Stopped(_))
    }
}

impl fmt::Display for SubtreeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Starting => f.write_str("starting"),
            Self::Running => f.write_str("running"),
            Self::Terminated => f.write_str("terminated"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
