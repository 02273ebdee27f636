//! Items that generated code needs beside the public ones. Not for use by hand: they may change in
//! any release.

use std::fmt::Display;
use std::marker::PhantomData;
use std::time::Duration;

pub use heir_macros::{Heir, Supervisor};

use crate::process::exit::BoxError;
#[cfg(feature = "store")]
use crate::store::{Stores, StoresValue};
use crate::supervisor::{Child, ChildPlan, Dynamic, Key, NamedArgs, SupervisorBuilder};
use crate::table::AnyRecorded;
use crate::worker::{Handlers, Later, Spec, Worker};

/// The type of a `#[table(keep)]` field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a `#[table(keep)]` field",
    label = "a table moves between tasks and outlives its worker: it must be `Send + 'static`",
    note = "share what is not `Send` through an `Arc`, or keep it out of the tables: an unmarked field is made anew for every incarnation"
)]
pub trait KeepTable: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> KeepTable for T {}

/// The type of a `#[table(rollback)]` field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a `#[table(rollback)]` field",
    label = "it is restored from a clone made before each message: it must be `Clone + Send + 'static`",
    note = "derive `Clone` for it, or write `#[table(keep)]` to hand it over as it is"
)]
pub trait RollbackTable: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + 'static> RollbackTable for T {}

/// A recorded table with a word that is for other types. No type implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is recorded, so it is neither kept nor rolled back",
    label = "a recorded table is passed on without what the message that crashed has written",
    note = "write `#[table]`, or `#[table(init = rows)]`"
)]
pub trait NotRecorded {}

/// The rules that are for no recorded table. The compiler finds a function here if `T` is a recorded
/// table, by whatever name, and else the one of [`OtherRules`].
pub struct Rules<T>(PhantomData<T>);

impl<T: AnyRecorded> Rules<T> {
    pub fn assert_not_recorded()
    where
        T: NotRecorded,
    {
    }

    pub fn assert_rollback<Same>() {}
    pub fn assert_initial<Same>() {}
    #[cfg(feature = "store")]
    pub fn assert_stored_value<Same>() {}
}

/// A stored table is recorded: if it is not, [`assert_recorded`] says so, and nothing here.
#[cfg(feature = "store")]
impl<T: crate::table::Recorded> Rules<T> {
    pub fn assert_stored<Same: Stores>() {}
}

/// The same rules, for a type that is no recorded table: `Same` is that type.
pub trait OtherRules {
    #[cfg(feature = "store")]
    fn assert_stored<Same>() {}
    #[cfg(feature = "store")]
    fn assert_stored_value<Same: StoresValue>() {}
    fn assert_not_recorded() {}
    fn assert_rollback<Same: RollbackTable>() {}
    fn assert_initial<Same: Initial>() {}
}

impl<T> OtherRules for Rules<T> {}

/// The type of an `#[arg]` field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of an `#[arg]` field",
    label = "each incarnation gets a clone of it: it must be `Clone + Send + 'static`",
    note = "derive `Clone` for it, or wrap it in an `Arc`"
)]
pub trait Arg: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + 'static> Arg for T {}

/// The type of an unmarked field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made anew for every incarnation",
    label = "an unmarked field starts as its `Default`, and is `Send + 'static`",
    note = "write `#[fresh(expr)]` to say how it is made, `#[arg]` if the caller of `spec` gives it, or `#[table(keep)]` if it is to survive"
)]
pub trait Fresh: Default + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Default + Send + 'static> Fresh for T {}

/// The type of a `#[table]` field without `init`.
#[diagnostic::on_unimplemented(
    message = "a new table of type `{Self}` has no first value",
    label = "a table without `init` starts as its `Default`",
    note = "write `#[table(.., init = expr)]` to say how it starts"
)]
pub trait Initial: Default {}

#[diagnostic::do_not_recommend]
impl<T: Default> Initial for T {}

/// The type of a `#[fresh(expr)]` field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a `#[fresh(..)]` field",
    label = "a worker moves between threads: its fields must be `Send + 'static`",
    note = "share what is not `Send` through an `Arc`"
)]
pub trait Rest: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Rest for T {}

/// The type of a handler's argument or reply.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to or from a worker",
    label = "a message moves between tasks: its arguments and its reply must be `Send + 'static`",
    note = "send owned data; share what is not `Send` through an `Arc`"
)]
pub trait Payload: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Payload for T {}

/// The type of an argument of a handler with `#[redeliver(..)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the argument of a message that is served again",
    label = "each attempt gets a clone of it: it must be `Clone`",
    note = "derive `Clone` for it, wrap it in an `Arc`, or leave out `#[redeliver(..)]`"
)]
pub trait Again: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Again for T {}

/// A worker whose replies wait for a store, so that its handlers may say `#[reply(early)]`.
#[diagnostic::on_unimplemented(
    message = "no reply of `{Self}` can leave early, because none waits for a store",
    label = "replies of this worker leave when their messages commit",
    note = "write `#[heir(survives = process)]` on `{Self}`, or remove `#[reply(early)]`"
)]
pub trait KeptByAStore {}

/// Refuses a worker with its own `Drop`, which would run when the worker is taken apart, where no
/// user code may run. With it, the two implementations of this trait conflict, at the struct's
/// name.
pub trait MustNotImplementDrop {}

#[expect(
    drop_bounds,
    reason = "it is about the implementation, not about whether there is something to drop"
)]
impl<T: Drop> MustNotImplementDrop for T {}

/// A type that mentions an unrelated type: so an alias can mention parameters that it does not use,
/// and a type can depend on a constant.
pub trait Beside<T: ?Sized> {
    type Itself;
}

impl<S, T: ?Sized> Beside<T> for S {
    type Itself = S;
}

/// The type of a table of a worker with `#[heir(tables = ..)]`: it is the type `T` of that table
/// there.
#[diagnostic::on_unimplemented(
    message = "this table is a `{Self}` here, and a `{T}` in the tables it is one of",
    label = "another type than in the tables given by `tables = ..`",
    note = "tables pass on to another worker as they are: write the same type, or leave `tables = ..` out"
)]
pub trait Same<T> {
    fn itself(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<T> Same<T> for T {
    fn itself(self) -> T {
        self
    }
}

/// A second implementation, which is never used: with a single one, rustc would infer it, and
/// report mismatched types.
impl<T> Same<Other<T>> for T {
    fn itself(self) -> Other<T> {
        Other(self)
    }
}

pub struct Other<T>(pub T);

pub fn same<S: Same<T>, T>(table: S) -> T {
    table.itself()
}

pub const fn assert_child<T: Child>() {
    if let Some(mistake) = T::MISTAKE {
        panic!("{}", mistake);
    }
}

pub const fn assert_named_args<T: Child<Args: NamedArgs>>() {}
pub const fn assert_recorded<T: crate::table::Recorded>() {}
pub const fn assert_rest<T: Rest>() {}
pub const fn assert_payload<T: Payload>() {}
pub const fn assert_again<T: Again>() {}
pub const fn assert_early<W: KeptByAStore>() {}
pub const fn assert_keep<T: KeepTable>() {}
pub const fn assert_arg<T: Arg>() {}
pub const fn assert_fresh<T: Fresh>() {}

/// The children that `registered` is for.
#[diagnostic::on_unimplemented(
    message = "`registered` is for one worker",
    label = "this child is not one worker",
    note = "a subtree has no handlers that a name could find; the workers of a `Dynamic` are found by their keys"
)]
pub trait Registrable {
    #[must_use]
    fn registered(self, name: &'static str) -> Self;
}

impl<W: Worker> Registrable for Spec<W, Later> {
    fn registered(self, name: &'static str) -> Self {
        self.registered(name)
    }
}

pub fn registered<P: Registrable>(plan: P, name: &'static str) -> P {
    plan.registered(name)
}

/// The children that `intensity` and `period` are for.
#[diagnostic::on_unimplemented(
    message = "`intensity` and `period` are for a branch: another `#[supervisor]`, or a `Dynamic`",
    label = "this child is a worker, whose restarts its supervisor counts",
    note = "write them on the struct, as `#[supervisor(intensity = 10, period = \"10s\")]`"
)]
pub trait Branch {
    #[must_use]
    fn intensity(self, restarts: u32) -> Self;
    #[must_use]
    fn period(self, period: Duration) -> Self;
}

impl<H, A> Branch for SupervisorBuilder<H, A> {
    fn intensity(self, restarts: u32) -> Self {
        self.intensity(restarts)
    }

    fn period(self, period: Duration) -> Self {
        self.period(period)
    }
}

pub fn intensity<P: Branch>(plan: P, restarts: u32) -> P {
    plan.intensity(restarts)
}

pub fn period<P: Branch>(plan: P, period: Duration) -> P {
    plan.period(period)
}

/// The children that `each`, `escalate` and `max_given_up` are for.
#[diagnostic::on_unimplemented(
    message = "`each`, `escalate` and `max_given_up` are for a `Dynamic`",
    label = "this child is no `Dynamic`",
    note = "they say how a worker is made from its key, and what becomes of a key whose worker is restarted too often; write a \
            field of type `Dynamic<Key, Worker>`, or leave the option out"
)]
pub trait Keyed {
    type Key: Key;
    type Worker: Handlers;
    fn each(&self, make: impl Fn(&Self::Key) -> Spec<Self::Worker> + Send + Sync + 'static);
}

impl<K: Key, W: Handlers> Keyed for Dynamic<K, W> {
    type Key = K;
    type Worker = W;

    fn each(&self, make: impl Fn(&K) -> Spec<W> + Send + Sync + 'static) {
        self.set_each(make);
    }
}

pub fn each<D: Keyed>(children: &D, make: impl Fn(&D::Key) -> Spec<D::Worker> + Send + Sync + 'static) {
    children.each(make);
}

pub fn escalate<P: ChildPlan<Handle: Keyed>>(plan: P) -> P {
    plan.given_up_at_most(None)
}

pub fn max_given_up<P: ChildPlan<Handle: Keyed>>(plan: P, keys: usize) -> P {
    plan.given_up_at_most(Some(keys))
}

/// Requires the future of an async handler or hook to be `Send`, so that the error is at the user's
/// method.
pub fn sent<F: Future + Send>(future: F) -> F {
    future
}

/// The return type of a hook.
#[diagnostic::on_unimplemented(
    message = "a hook cannot return `{Self}`",
    label = "returns neither `()` nor `Result<(), E>`",
    note = "an error type `E` is anything that is `Display`"
)]
pub trait HookOutcome {
    fn into_result(self) -> Result<(), BoxError>;
}

impl HookOutcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Display> HookOutcome for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(|error| error.to_string().into())
    }
}
