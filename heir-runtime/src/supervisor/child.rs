//! What a field of a declared tree can be.

use super::builder::{ChildSpec, SupervisorBuilder};
use super::dynamic::{Dynamic, Key};
use crate::worker::{Handlers, Spec, Worker};

/// What a field of a `#[supervisor]` can be: a worker, another declared tree, or many workers by key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a child of a supervisor",
    label = "not a worker, and not a supervisor",
    note = "a field of a `#[supervisor]` is a struct with `#[heir]` and `#[handlers]`, another one with `#[supervisor]`, or a \
            `Dynamic<K, W>`"
)]
pub trait Child: Sized {
    /// What it is reached with.
    type Handle: Clone + Send + Sync + 'static;
    /// How it is to be started.
    type Spec: ChildSpec<Handle = Self::Handle>;

    /// Reads the fields of a declared tree: a type of which there is no value would be dead code else.
    #[doc(hidden)]
    fn __read(&self) {}
}

/// A [`Child`] that is started without arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes arguments",
    label = "its spec takes arguments, which nobody gives it",
    note = "write `#[child(args(name: Type))]` before the field: they become arguments of the tree's `start`"
)]
pub trait Unaided: Child {
    /// How it is to be started.
    fn spec() -> Self::Spec;
}

#[diagnostic::do_not_recommend]
impl<W: Handlers> Child for W {
    type Handle = W::Handle;
    type Spec = Spec<W>;
}

#[diagnostic::do_not_recommend]
impl<W: Handlers + Worker<Args = ()>> Unaided for W {
    fn spec() -> Spec<W> {
        Spec::new(())
    }
}

impl<K: Key, W: Handlers> Child for Dynamic<K, W> {
    type Handle = Self;
    type Spec = SupervisorBuilder<Self>;
}

impl<K: Key, W: Handlers> Unaided for Dynamic<K, W> {
    fn spec() -> SupervisorBuilder<Self> {
        Self::spec()
    }
}
