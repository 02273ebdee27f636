//! The types that a field of a `#[supervisor]` struct can have.

use crate::supervisor::builder::SupervisorBuilder;
use crate::supervisor::child::spec::ChildSpec;
use crate::supervisor::dynamic::{Dynamic, Key};
use crate::worker::Handlers;
use crate::worker::Spec;
use crate::worker::Worker;

/// A type that a field of a [`#[supervisor]`](macro@crate::supervisor) struct can have: a worker,
/// another `#[supervisor]` struct, or a [`Dynamic`].
///
/// The macro implements it for the struct that it stands on, so that a declared tree can be a
/// subtree of another one.
///
/// ```
/// # use heir_runtime::{Dynamic, handlers, heir, supervisor};
/// #[heir]
/// struct Counter {
///     #[table(rollback)]
///     count: u64,
///     #[arg]
///     step: u64,
/// }
///
/// #[handlers]
/// impl Counter {
///     fn count(&mut self) -> u64 {
///         self.count += self.step;
///         self.count
///     }
/// }
///
/// #[supervisor(strategy = one_for_all)]
/// struct Pair {
///     #[child(args(one: u64))]
///     left: Counter,
///     #[child(args(other: u64))]
///     right: Counter,
/// }
///
/// #[supervisor(intensity = 5, period = "30s")]
/// struct App {
///     #[child(args(one: u64, other: u64), shutdown = "1s")]
///     pair: Pair,
///     many: Dynamic<String, Counter>,
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let app = App::start(1, 10).await?;
/// assert_eq!(app.pair.left.count().await?, 1);
/// assert_eq!(app.pair.right.count().await?, 10);
/// app.many.start("three".into(), Counter::spec(3)).await?;
/// assert_eq!(app.many.get("three").unwrap().count().await?, 3);
/// app.shutdown().await;
/// # Ok::<_, heir_runtime::BoxError>(())
/// # }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a child of a supervisor",
    label = "not a worker, and not a supervisor",
    note = "a field of a `#[supervisor]` is a struct with `#[heir]` and `#[handlers]`, another one with `#[supervisor]`, or a \
            `Dynamic<K, W>`"
)]
pub trait Child: Sized {
    /// The handle that the child is reached with.
    type Handle: Clone + Send + Sync + 'static;
    /// The spec that the child is started from.
    type Spec: ChildSpec<Handle = Self::Handle>;

    /// Reads the struct's fields. No value of the struct is ever made, so the compiler would call
    /// them dead code.
    #[doc(hidden)]
    fn __read(&self) {}
}

/// A [`Child`] that is started without arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes arguments",
    label = "its spec takes arguments, which nobody gives it",
    note = "write `#[child(args(name: Type))]` before the field: they become arguments of the tree's `start`"
)]
pub trait NoArgs: Child {
    /// Makes the spec that the child is started from.
    fn spec() -> Self::Spec;
}

#[diagnostic::do_not_recommend]
impl<W: Handlers> Child for W {
    type Handle = W::Handle;
    type Spec = Spec<W>;
}

#[diagnostic::do_not_recommend]
impl<W: Handlers + Worker<Args = ()>> NoArgs for W {
    fn spec() -> Spec<W> {
        Spec::new(())
    }
}

impl<K: Key, W: Handlers> Child for Dynamic<K, W> {
    type Handle = Self;
    type Spec = SupervisorBuilder<Self>;
}

impl<K: Key, W: Handlers> NoArgs for Dynamic<K, W> {
    fn spec() -> SupervisorBuilder<Self> {
        Self::spec()
    }
}
