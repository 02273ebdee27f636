//! The way from a child to its supervisor, whatever that is.

use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;

/// Where a child is in its supervisor, and the way to it.
pub(crate) struct ParentRef {
    pub(crate) id: ChildId,
    pub(crate) parent: Arc<dyn ParentLink>,
}

/// Which child of a supervisor: they are started in this order.
pub(crate) type ChildId = u64;

/// What a child asks of its supervisor.
pub(crate) trait ParentLink: Send + Sync {
    /// One that is gone has retired the child, or does so as it goes.
    fn ask(&self, id: ChildId, what: ParentRequest);

    /// The manager of a worker has ended: the one with this number.
    fn manager_ended(&self, id: ChildId, life: u64, reason: ExitReason);
}

/// What is to be done with a child.
pub(crate) enum ParentRequest {
    /// Stop it for good.
    Stop(Stopped),
    /// Stop it between two messages, and start it again.
    Renew,
}
