//! The types that a field of a `#[supervisor]` struct can have.

use crate::supervisor::builder::SupervisorBuilder;
use crate::supervisor::child::spec::ChildPlan;
use crate::supervisor::dynamic::{Dynamic, Key};
use crate::worker::Handlers;
use crate::worker::Later;
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
///     #[child(args(step = one: u64))]
///     left: Counter,
///     #[child(args(step = other: u64))]
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
    /// What the child is given before it starts: a struct with a field for each argument, or `()`.
    type Args;
    /// The child without its arguments.
    type Plan: ChildPlan<Handle = Self::Handle, Args = Self::Args>;

    /// What is wrong with any tree that has this child, if anything is.
    #[doc(hidden)]
    const MISTAKE: Option<&'static str> = None;

    /// Makes the plan of the child, for [`reserve`](SupervisorBuilder::reserve).
    fn plan() -> Self::Plan;

    /// Reads the struct's fields. No value of the struct is ever made, so the compiler would call
    /// them dead code.
    #[doc(hidden)]
    fn __read(&self) {}
}

/// A [`Child`] that is started without arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes arguments",
    label = "its spec takes arguments, which nobody gives it",
    note = "write `#[child(args(name: Type))]` before the field, for an argument of the tree's `start`, or \
            `#[child(args(name = field))]`, for the handle of another child"
)]
pub trait NoArgs: Child {
    /// Makes the arguments: none.
    fn none() -> Self::Args;
}

/// The arguments of a worker or a tree, as `#[heir]` and `#[supervisor]` generate them: a struct
/// with a named field for each.
#[diagnostic::on_unimplemented(
    message = "this child takes no arguments",
    label = "takes no arguments",
    note = "leave `args(..)` out; a worker's arguments are its fields with `#[arg]`, and a `Dynamic` takes arguments only \
            together with `each = path`, a function that makes a worker's spec of its key and them"
)]
pub trait NamedArgs {}

#[diagnostic::do_not_recommend]
impl<W: Handlers> Child for W {
    type Handle = W::Handle;
    type Args = W::Args;
    type Plan = Spec<W, Later>;

    fn plan() -> Self::Plan {
        Spec::later()
    }
}

#[diagnostic::do_not_recommend]
impl<W: Handlers + Worker<Args = ()>> NoArgs for W {
    fn none() {}
}

impl<K: Key, W: Handlers> Child for Dynamic<K, W> {
    type Handle = Self;
    type Args = ();
    type Plan = SupervisorBuilder<Self>;

    const MISTAKE: Option<&'static str> = match W::REGISTERED {
        None => None,
        Some(_) => Some(
            "a worker that is registered under one name cannot be started for each key of a `Dynamic`: leave \
             `registered` out of its `#[heir(..)]`",
        ),
    };

    fn plan() -> SupervisorBuilder<Self> {
        Self::spec()
    }
}

impl<K: Key, W: Handlers> NoArgs for Dynamic<K, W> {
    fn none() {}
}
