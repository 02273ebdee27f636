//! What can become a child, and the step in which it gets its id in a supervisor.

use std::sync::Arc;

use crate::supervisor::child::Member;
use crate::supervisor::child::worker::WorkerChild;
use crate::supervisor::report::StartError;
use crate::supervisor::shared::SupervisorShared;
use crate::tree::parent::ChildId;
use crate::worker::Handlers;
use crate::worker::Spec;
use crate::worker::handle::Handle;
use crate::worker::shared::Shared;

/// What can be a child of a supervisor: a worker's [`Spec`], or a [tree](crate::SupervisorBuilder).
/// Sealed.
pub trait ChildSpec: sealed::Attach<Self::Handle> {
    /// The handle that the child is reached with.
    type Handle: Clone + Send + Sync + 'static;
}

pub(crate) mod sealed {
    use super::Attached;
    use crate::supervisor::shared::SupervisorShared;

    pub trait Attach<H>: Sized {
        /// Gives the child an id in this supervisor. The supervisor does not know the child yet.
        fn attach(self, supervisor: &SupervisorShared) -> Attached<H>;
    }
}

/// A child that has an id in a supervisor, which does not know it yet.
pub struct Attached<H> {
    pub(crate) id: ChildId,
    pub(crate) member: Box<dyn Member>,
    pub(crate) handle: H,
    pub(crate) refused: Option<StartError>,
}

impl<W: Handlers> ChildSpec for Spec<W> {
    type Handle = W::Handle;
}

impl<W: Handlers> sealed::Attach<W::Handle> for Spec<W> {
    fn attach(self, supervisor: &SupervisorShared) -> Attached<W::Handle> {
        let Attached { id, member, handle, refused } = attach_worker(self, supervisor);
        Attached { id, member, handle: W::Handle::from(handle), refused }
    }
}

/// Gives a worker, and its manager, an id in this supervisor.
pub(crate) fn attach_worker<W: Handlers>(
    spec: Spec<W>,
    supervisor: &SupervisorShared,
) -> Attached<Handle<W>> {
    let position = supervisor.next_position();
    let id = position.id;
    let shared = Arc::new(Shared::new(
        &spec,
        supervisor.share_settings(spec.settings),
        None,
        position,
        supervisor.registry().clone(),
    ));
    let handle = Handle::new(Arc::<Shared<W>>::clone(&shared));
    Attached { id, member: Box::new(WorkerChild::new(shared, spec.args)), handle, refused: None }
}
