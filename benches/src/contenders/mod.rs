//! Who is measured: the same worker, written as the guide of each library has it.
//!
//! Its state is a map of counters. A call adds one to a counter and answers the new count; a cast only adds one. Mailboxes hold 64
//! messages, which is the default of all that bound theirs (ractor's have no bound).

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

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
    type Tree: Send + 'static;

    /// Starts so many workers, supervised as one would in a service.
    fn start(workers: usize) -> impl Future<Output = (Self::Tree, Vec<Self::Handle>)> + Send;

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

    fn start() -> impl Future<Output = (Self::Tree, Self::Handle)> + Send;

    /// Has the worker panic in the middle of a message, after it has added this much to counter 0.
    fn crash(handle: &Self::Handle, added: u64) -> impl Future<Output = ()> + Send;

    /// Adds one to counter 0, and answers the new count: `None` if the call is lost, when it makes sense to try again.
    fn call(handle: &Self::Handle) -> impl Future<Output = Option<u64>> + Send;

    /// Tells it to add one to counter 0.
    fn cast(handle: &Self::Handle) -> impl Future<Output = ()> + Send;
}

/// How long a caller waits before it takes a call for lost, where it would wait for ever.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// Waits for the next incarnation, which says that it is there: nobody polls.
async fn next<H>(mut handle: watch::Receiver<H>) {
    // One that is not told in this time looks again.
    let _ = timeout(PATIENCE, handle.changed()).await;
}

/// What this makes of each contender, as a list; the first is what the others are compared with.
macro_rules! every {
    ($lane:ident($($argument:expr),*)) => {
        vec![
            $lane::<crate::contenders::raw::Raw>($($argument),*).await,
            $lane::<crate::contenders::heir::Recorded>($($argument),*).await,
            $lane::<crate::contenders::heir::Kept>($($argument),*).await,
            $lane::<crate::contenders::kameo::Kameo>($($argument),*).await,
            $lane::<crate::contenders::ractor::Ractor>($($argument),*).await,
            $lane::<crate::contenders::tokio_actors::TokioActors>($($argument),*).await,
        ]
    };
}

/// As `every`, of those that start again when they die.
macro_rules! every_restarted {
    ($lane:ident($($argument:expr),*)) => {
        vec![
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

pub(crate) use {every, every_restarted};
