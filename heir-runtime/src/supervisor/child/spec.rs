//! What can become a child of a supervisor, in two steps: the supervisor reserves a child, which has
//! its handle from then on, and gives it its arguments later.

use std::fmt;
use std::sync::Arc;

use crate::process::status::Stopped;
use crate::supervisor::child::worker::WorkerChild;
use crate::supervisor::child::{Member, Node};
use crate::supervisor::report::StartError;
use crate::supervisor::run::requests::Requests;
use crate::supervisor::shared::SupervisorShared;
use crate::tree::parent::ChildId;
use crate::worker::Handlers;
use crate::worker::Later;
use crate::worker::Spec;
use crate::worker::handle::Handle;
use crate::worker::shared::Shared;

/// What can be a child of a supervisor: a worker's [`Spec`], or a [tree](crate::SupervisorBuilder).
/// Sealed.
pub trait ChildSpec: Sized {
    /// The handle that the child is reached with.
    type Handle: Clone + Send + Sync + 'static;
    /// The same child without its arguments.
    type Plan: ChildPlan<Handle = Self::Handle>;

    /// The plan and the arguments.
    #[doc(hidden)]
    fn split(self) -> (Self::Plan, <Self::Plan as ChildPlan>::Args);
}

/// A child whose arguments come later: a worker's [`Spec<W, Later>`](crate::supervision::Later), or
/// a tree with arguments. [`SupervisorBuilder::reserve`](crate::SupervisorBuilder::reserve) takes
/// it. Sealed.
pub trait ChildPlan: sealed::Reserve<Self::Handle, Self::Args> {
    /// The handle that the child is reached with.
    type Handle: Clone + Send + Sync + 'static;
    /// What the child is given before the tree starts.
    type Args;
}

pub(crate) mod sealed {
    use super::Reserved;
    use crate::supervisor::shared::SupervisorShared;

    pub trait Reserve<H, A>: Sized {
        /// Gives the child an id in this supervisor. The supervisor does not know the child yet.
        fn reserve(self, supervisor: &SupervisorShared) -> Reserved<H, A>;

        /// As a `Dynamic`: sets how many workers may be given up; with `None`, all restarts count
        /// together.
        #[must_use]
        fn given_up_at_most(self, _most: Option<usize>) -> Self {
            self
        }
    }
}

/// A child that has its place in a tree, and its handle, but not its arguments yet. Made by
/// [`SupervisorBuilder::reserve`](crate::SupervisorBuilder::reserve).
///
/// If it is dropped, the tree does not start, and whoever sends to the child is told so.
#[must_use = "a tree starts only when each reserved child has its arguments: give them with `SupervisorBuilder::fill`"]
pub struct Reserved<H, A> {
    pub(crate) id: ChildId,
    /// The queues of the supervisor that it is a child of.
    pub(crate) parent: Arc<Requests>,
    pub(crate) node: Arc<dyn Node>,
    pub(crate) handle: H,
    /// The mistake in its declaration, if there is one.
    pub(crate) refused: Option<StartError>,
    pub(crate) fill: Fill<A>,
}

/// Makes the child of its arguments.
type Fill<A> = Box<dyn FnOnce(A) -> Filled + Send>;

/// A child with its arguments.
pub(crate) struct Filled {
    pub(crate) member: Box<dyn Member>,
    pub(crate) refused: Option<StartError>,
}

impl<H: Clone, A> Reserved<H, A> {
    /// Returns the handle of the child. Messages that are sent to it before the tree has started
    /// wait for that.
    pub fn handle(&self) -> H {
        self.handle.clone()
    }

    /// The child with its arguments, still unknown to its supervisor.
    pub(crate) fn attach(self, args: A) -> Attached<H> {
        let Filled { member, refused } = (self.fill)(args);
        Attached { id: self.id, member, handle: self.handle, refused: self.refused.or(refused) }
    }
}

impl<H, A> fmt::Debug for Reserved<H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved").field("name", self.node.name()).finish_non_exhaustive()
    }
}

/// A child that has an id in a supervisor, which does not know it yet.
pub(crate) struct Attached<H> {
    pub(crate) id: ChildId,
    pub(crate) member: Box<dyn Member>,
    pub(crate) handle: H,
    pub(crate) refused: Option<StartError>,
}

impl<W: Handlers> ChildSpec for Spec<W> {
    type Handle = W::Handle;
    type Plan = Spec<W, Later>;

    fn split(self) -> (Self::Plan, W::Args) {
        self.exchange(Later)
    }
}

impl<W: Handlers> ChildPlan for Spec<W, Later> {
    type Handle = W::Handle;
    type Args = W::Args;
}

impl<W: Handlers> sealed::Reserve<W::Handle, W::Args> for Spec<W, Later> {
    fn reserve(self, supervisor: &SupervisorShared) -> Reserved<W::Handle, W::Args> {
        let (shared, Later) = place_worker(self, supervisor);
        let unfilled = Unfilled(Some(Arc::clone(&shared)));
        Reserved {
            id: shared.id(),
            parent: Arc::clone(&supervisor.requests),
            handle: W::Handle::from(Handle::new(Arc::<Shared<W>>::clone(&shared))),
            node: shared,
            refused: None,
            fill: Box::new(move |args| Filled { member: Box::new(unfilled.fill(args)), refused: None }),
        }
    }
}

/// A worker without its arguments. If it never gets them, its senders are told.
struct Unfilled<W: Handlers>(Option<Arc<Shared<W>>>);

impl<W: Handlers> Unfilled<W> {
    fn fill(mut self, args: W::Args) -> WorkerChild<W> {
        let shared = self.0.take();
        WorkerChild::new(shared.expect("only `fill` takes it"), args)
    }
}

impl<W: Handlers> Drop for Unfilled<W> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.retire(&Stopped::Dropped);
        }
    }
}

/// Gives a worker, and its manager, an id in this supervisor.
pub(crate) fn attach_worker<W: Handlers>(
    spec: Spec<W>,
    supervisor: &SupervisorShared,
) -> Attached<Handle<W>> {
    let (shared, args) = place_worker(spec, supervisor);
    let handle = Handle::new(Arc::<Shared<W>>::clone(&shared));
    Attached { id: shared.id(), member: Box::new(WorkerChild::new(shared, args)), handle, refused: None }
}

/// Makes the shared side of a worker, with an id in this supervisor; returns with it what the spec
/// has for arguments.
fn place_worker<W: Handlers, A>(spec: Spec<W, A>, supervisor: &SupervisorShared) -> (Arc<Shared<W>>, A) {
    let shared = Arc::new(Shared::new(
        &spec,
        supervisor.share_settings(spec.settings),
        None,
        supervisor.next_position(),
        supervisor.registry().clone(),
    ));
    #[cfg(feature = "store")]
    shared.stand_behind_gates();
    (shared, spec.args)
}
