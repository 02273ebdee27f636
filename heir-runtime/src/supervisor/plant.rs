//! What can become a child: it is given a place in its supervisor, which has still to be told.

use std::sync::Arc;

use super::branch::Branch;
use super::member::Member;
use super::pair::Pair;
use super::report::StartError;
use crate::handle::Handle;
use crate::post::Post;
use crate::superior::Place;
use crate::worker::{Handlers, Spec};

/// What a supervisor can have as a child: the [`Spec`] of a worker, or a [tree](crate::SupervisorBuilder). Sealed.
pub trait ChildSpec: sealed::Plant<Self::Handle> {
    /// What its starter gets.
    type Handle: Clone + Send + Sync + 'static;
}

pub(super) mod sealed {
    use super::super::branch::Branch;
    use super::Planted;

    pub trait Plant<H>: Sized {
        /// Makes it a child of this supervisor, which has still to be told.
        fn plant(self, branch: &Branch) -> Planted<H>;
    }
}

/// A child that has a place in its supervisor, and has still to be taken there.
pub struct Planted<H> {
    pub(super) place: Place,
    pub(super) member: Box<dyn Member>,
    pub(super) handle: H,
    pub(super) refused: Option<StartError>,
}

impl<W: Handlers> ChildSpec for Spec<W> {
    type Handle = W::Handle;
}

impl<W: Handlers> sealed::Plant<W::Handle> for Spec<W> {
    fn plant(self, branch: &Branch) -> Planted<W::Handle> {
        let Planted { place, member, handle, refused } = plant_worker(self, branch);
        Planted { place, member, handle: W::Handle::from(handle), refused }
    }
}

/// A worker with its manager, with a place in this supervisor.
pub(super) fn plant_worker<W: Handlers>(spec: Spec<W>, branch: &Branch) -> Planted<Handle<W>> {
    let position = branch.next_position();
    let place = position.place;
    let post =
        Arc::new(Post::new(&spec, branch.share(spec.settings), None, position, branch.realm().clone()));
    let handle = Handle::new(Arc::<Post<W>>::clone(&post));
    Planted { place, member: Box::new(Pair::new(post, spec.args)), handle, refused: None }
}
