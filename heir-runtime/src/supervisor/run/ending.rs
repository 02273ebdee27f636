//! Why a supervisor ends, as others are told.

use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::report::StartError;

/// Why a supervisor ends.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// A handle, or its own supervisor, asked it to stop.
    Shutdown,
    /// The [`Supervisor`](crate::Supervisor) that `start` returned was dropped.
    Dropped,
    /// There were more restarts than its intensity allows; the last one was for this reason.
    GaveUp(ExitReason),
    /// The significant child of this name has ended.
    Significant(Arc<str>),
    /// A child did not start, so the supervisor's own start has failed.
    NotStarted(StartError),
}

impl Ending {
    /// The exit reason that the supervisor's own supervisor sees.
    pub(crate) fn reason(&self) -> ExitReason {
        match self {
            Self::Shutdown | Self::Dropped => ExitReason::Shutdown,
            Self::GaveUp(reason) => {
                let words = format!("gave up after too many restarts, the last because of {reason}");
                ExitReason::ShutdownWith(words.into())
            }
            Self::Significant(child) => {
                ExitReason::ShutdownWith(format!("its significant child `{child}` has ended").into())
            }
            Self::NotStarted(error) => ExitReason::error(error),
        }
    }

    /// Why the children of a root have stopped, as their callers are told.
    pub(crate) fn stopped(&self) -> Stopped {
        match self {
            Self::Shutdown => Stopped::Shutdown,
            Self::Dropped => Stopped::Dropped,
            Self::NotStarted(StartError::Stopped(why)) => why.clone(),
            Self::GaveUp(reason) => Stopped::GaveUp(reason.clone()),
            Self::Significant(child) => Stopped::Significant(Arc::clone(child)),
            Self::NotStarted(error) => Stopped::NotStarted(Arc::from(error.to_string())),
        }
    }
}
