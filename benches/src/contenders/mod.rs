//! Who is measured: the same worker, written as the guide of each library has it.
//!
//! Its state is a map of counters. A call adds one to a counter and answers the new count; a cast only adds one. Mailboxes hold 64
//! messages, which is the default of all that bound theirs (ractor's have no bound).

use std::future::Future;
use std::ops::Range;

use tokio::sync::watch;

use crate::lane::Lane;

pub mod actix;
pub mod heir;
pub mod kameo;
pub mod otp;
pub mod ractor;
pub mod raw;
pub mod restart_loop;
pub mod tokio_actors;

/// How many messages a mailbox holds.
pub const MAILBOX: usize = 64;

/// A worker that others call.
pub trait Contender: 'static {
    const NAME: &'static str;

    /// What a caller has.
    type Handle: Clone + Send + Sync + 'static;

    /// What the workers live under.
    type Tree: Send + Sync + 'static;

    /// Where workers can be started, supervised as one would in a service.
    fn plant() -> impl Future<Output = Self::Tree> + Send;

    /// Starts a worker for each key, each when the one before is up.
    fn start(tree: &Self::Tree, keys: Range<usize>) -> impl Future<Output = Vec<Self::Handle>> + Send;

    /// Stops one of them, and waits until it is gone.
    fn stop_one(tree: &Self::Tree, key: usize, handle: Self::Handle) -> impl Future<Output = ()> + Send;

    /// Stops them all, and waits until they are gone.
    fn stop(tree: Self::Tree, handles: Vec<Self::Handle>) -> impl Future<Output = ()> + Send;

    fn call(handle: &Self::Handle, key: u64) -> impl Future<Output = u64> + Send;

    fn cast(handle: &Self::Handle, key: u64) -> impl Future<Output = ()> + Send;
}

/// A worker that is started again when it dies.
pub trait Restarted: 'static {
    const NAME: &'static str;

    /// What a caller has: it leads to whichever incarnation lives.
    type Handle: Clone + Send + Sync + 'static;

    /// What the worker lives under.
    type Tree: Send + 'static;

    /// With a mailbox of this size, if it has a bound.
    fn start(mailbox: usize) -> impl Future<Output = (Self::Tree, Self::Handle)> + Send;

    /// Has the worker panic in the middle of a message, after it has added this much to counter 0.
    fn crash(handle: &Self::Handle, added: u64) -> impl Future<Output = ()> + Send;

    /// Adds one to counter 0, and answers the new count: `None` if the call is lost, when it makes sense to try again.
    fn call(handle: &Self::Handle) -> impl Future<Output = Option<u64>> + Send;

    /// Tells it to add one to counter 0.
    fn cast(handle: &Self::Handle) -> impl Future<Output = ()> + Send;
}

/// One whose rows outlive it.
pub trait Filled: Restarted {
    /// Puts these rows in, and waits until they are.
    fn fill(handle: &Self::Handle, rows: Range<u64>) -> impl Future<Output = ()> + Send;
}

/// The key of the nth row; that of row 0 is 0.
pub fn row(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A lane with one worker, which lives as long; a round has its handle.
pub async fn serving<C: Contender, F: Future<Output = Vec<f64>> + Send + 'static>(
    mut round: impl FnMut(C::Handle) -> F + Send + 'static,
) -> Lane {
    let tree = C::plant().await;
    let handle = C::start(&tree, 0..1).await.remove(0);
    Lane::new(C::NAME, tree, move || round(handle.clone()))
}

/// Waits for the next incarnation, which says that it is there: nobody polls.
async fn next<H>(mut handle: watch::Receiver<H>) {
    let _ = handle.changed().await;
}

/// What this makes of each contender; the first is what the others are compared with.
macro_rules! every {
    ($lane:ident($($argument:expr),*)) => {
        [
            $lane::<crate::contenders::raw::Raw>($($argument),*).await,
            $lane::<crate::contenders::heir::Recorded>($($argument),*).await,
            $lane::<crate::contenders::heir::Kept>($($argument),*).await,
            $lane::<crate::contenders::kameo::Kameo>($($argument),*).await,
            $lane::<crate::contenders::ractor::Ractor>($($argument),*).await,
            $lane::<crate::contenders::tokio_actors::TokioActors>($($argument),*).await,
            crate::contenders::actix::at_home($lane::<crate::contenders::actix::Actix>($($argument),*)).await,
        ]
    };
}

/// What this makes of the one of this name.
macro_rules! named {
    ($name:expr, $make:ident($($argument:expr),*)) => {{
        use crate::contenders::{Contender, actix, heir, kameo, ractor, raw, tokio_actors};
        match $name {
            raw::Raw::NAME => $make::<raw::Raw>($($argument),*),
            <heir::Recorded as Contender>::NAME => $make::<heir::Recorded>($($argument),*),
            <heir::Kept as Contender>::NAME => $make::<heir::Kept>($($argument),*),
            <kameo::Kameo as Contender>::NAME => $make::<kameo::Kameo>($($argument),*),
            <ractor::Ractor as Contender>::NAME => $make::<ractor::Ractor>($($argument),*),
            <tokio_actors::TokioActors as Contender>::NAME => $make::<tokio_actors::TokioActors>($($argument),*),
            actix::Actix::NAME => $make::<actix::Actix>($($argument),*),
            other => panic!("nobody is called {other}"),
        }
    }};
}

/// What they are called.
pub fn names() -> [&'static str; 7] {
    [
        raw::Raw::NAME,
        <heir::Recorded as Contender>::NAME,
        <heir::Kept as Contender>::NAME,
        <kameo::Kameo as Contender>::NAME,
        <ractor::Ractor as Contender>::NAME,
        <tokio_actors::TokioActors as Contender>::NAME,
        actix::Actix::NAME,
    ]
}

/// As `every`, of those that start again when they die.
macro_rules! every_restarted {
    ($lane:ident($($argument:expr),*)) => {
        [
            $lane::<crate::contenders::restart_loop::Losing>($($argument),*).await,
            $lane::<crate::contenders::restart_loop::Sharing>($($argument),*).await,
            $lane::<crate::contenders::heir::Recorded>($($argument),*).await,
            $lane::<crate::contenders::heir::Kept>($($argument),*).await,
            $lane::<crate::contenders::kameo::Kameo>($($argument),*).await,
            $lane::<crate::contenders::ractor::Ractor>($($argument),*).await,
            $lane::<crate::contenders::tokio_actors::TokioActors>($($argument),*).await,
        ]
    };
}

pub(crate) use {every, every_restarted, named};
