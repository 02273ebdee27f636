//! The way from a child to its supervisor, whatever that is.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::status::Stopped;

/// Where a child is in its supervisor, and the way to it.
pub(crate) struct Position {
    pub(crate) place: Place,
    pub(crate) superior: Arc<dyn Superior>,
}

/// Which child of a supervisor: they are started in this order.
pub(crate) type Place = u64;

/// What a child asks of its supervisor.
pub(crate) trait Superior: Send + Sync {
    /// One that is gone has retired the child, or does so as it goes.
    fn ask(&self, place: Place, what: Ask);

    /// The manager of a worker has ended: the one with this number.
    fn manager_ended(&self, place: Place, life: u64, reason: ExitReason);
}

/// What is to be done with a child.
pub(crate) enum Ask {
    /// Stop it for good.
    Stop(Stopped),
    /// Stop it between two messages, and start it again.
    Renew,
}
