//! The link from a child to its supervisor, whatever the supervisor's type.

use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;

/// A child's id in its supervisor, and the link to the supervisor.
pub(crate) struct ParentRef {
    pub(crate) id: ChildId,
    pub(crate) parent: Arc<dyn ParentLink>,
}

/// The number of a child in its supervisor. Children are started in the order of their ids.
pub(crate) type ChildId = u64;

/// What a child can send to its supervisor.
pub(crate) trait ParentLink: Send + Sync {
    /// Asks for this. A supervisor that is gone does nothing: it has retired the child, or does so
    /// as it goes.
    fn ask(&self, id: ChildId, what: ParentRequest);

    /// Says that the manager with the number `life` has ended, of the worker with this id.
    fn manager_ended(&self, id: ChildId, life: u64, reason: ExitReason);
}

/// What a child asks its supervisor to do with it.
pub(crate) enum ParentRequest {
    /// Stop the child for good.
    Stop(Stopped),
    /// Stop the child between two messages, and start it again.
    Restart,
}
