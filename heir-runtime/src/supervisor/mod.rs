//! Supervisors: a supervisor starts its children in order, restarts them when they end, and stops
//! them in reverse order.

mod builder;
mod child;
mod children;
pub(crate) mod declared;
mod dynamic;
mod handle;
mod keys;
mod report;
mod run;
mod shared;
mod strategy;
mod tree;

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

pub use self::builder::SupervisorBuilder;
pub use self::dynamic::{Dynamic, DynamicError, Key};
pub use self::handle::{ChildCounts, SupervisorHandle};
pub use self::report::{ChildError, OverdueChild, ShutdownReport, StartError};
use self::shared::SupervisorShared;
pub use self::strategy::{AutoShutdown, Strategy};
pub use self::tree::{SubtreeStatus, Tree, TreeNode, WorkerNode};
use crate::process::status::Stopped;
pub use crate::supervisor::child::spec::{ChildPlan, ChildSpec, Reserved};
pub use crate::supervisor::declared::{Child, NamedArgs, NoArgs};
use crate::supervisor::run::Run;
use crate::supervisor::run::ending::Ending;
use crate::util::caught::guarded;
use crate::util::race::{Either, race};
use crate::util::stop::{StopOnDrop, StopSignal};

/// A running tree of workers, which restarts the workers that end (OTP, `supervisor`).
///
/// [`Supervisor::builder`] builds a tree by hand; `#[supervisor]` builds it from a struct.
///
/// A child that ends is restarted as its [`Restart`](crate::Restart) type says, and its siblings
/// with it as the [`Strategy`] says. If there are more restarts than the intensity allows, the
/// supervisor gives up: it stops all of its children and ends. A supervisor within a tree is then
/// restarted by its own supervisor. When the root gives up, its children have stopped for good,
/// their callers are told, and the tables stay in their estates.
///
/// A `Supervisor` derefs to its handle: a [`SupervisorHandle`], or the generated handle that has a
/// field for each child. [`shutdown`](Self::shutdown) stops the tree, waits, and reports how it
/// went. Dropping the `Supervisor` asks the tree to stop, without waiting; callers are told
/// [`Stopped::Dropped`].
#[must_use = "dropping the supervisor stops its tree: keep it under a name, and end with its `shutdown`"]
pub struct Supervisor<H = SupervisorHandle> {
    handle: H,
    shared: Arc<SupervisorShared>,
    // When it is dropped, the tree stops, and callers are told `Stopped::Dropped`.
    stop: Option<StopOnDrop>,
    // `None` once the task has ended; then `report` is complete.
    task: Option<JoinHandle<Ended>>,
    report: ShutdownReport,
}

/// How the task of a root ended.
struct Ended {
    report: ShutdownReport,
    not_started: Option<StartError>,
}

impl Supervisor {
    /// Makes a builder for a tree called `name`, which has no children yet.
    pub fn builder(name: impl Into<Arc<str>>) -> SupervisorBuilder {
        SupervisorBuilder::new(name.into())
    }
}

impl<H> Supervisor<H> {
    fn new(handle: H, shared: Arc<SupervisorShared>, stop: StopOnDrop, task: JoinHandle<Ended>) -> Self {
        let report = ShutdownReport::new(Stopped::Dropped);
        Self { handle, shared, stop: Some(stop), task: Some(task), report }
    }

    /// Waits until the children are up.
    async fn up(mut self) -> Result<Self, StartError> {
        let shared = Arc::clone(&self.shared);
        let first = guarded(race(pin!(shared.until_up()), pin!(self.ended()))).await;
        match first {
            Either::Left(()) => Ok(self),
            Either::Right(not_started) => {
                Err(not_started.unwrap_or_else(|| StartError::Stopped(self.report.why.clone())))
            }
        }
    }

    /// Waits until the task has ended; returns why the tree did not start, if that is so.
    async fn ended(&mut self) -> Option<StartError> {
        let task = self.task.as_mut()?;
        // The task catches the panics of user code, so it fails only if it is killed, or dropped
        // with its runtime.
        let ended = task.await.ok();
        self.task = None;
        let ended = ended?;
        self.report = ended.report;
        ended.not_started
    }

    /// Stops the children in reverse order, each within its shutdown timeout, and waits until they
    /// have ended.
    ///
    /// A worker serves until it is asked to stop. Then its mailbox is closed, the messages in its
    /// queue are refused, and its stop hook can still call the siblings that were started before
    /// it. The workers of one [`Dynamic`] are asked together.
    ///
    /// A child that does not yield to the runtime is not waited for: it is left behind, and named
    /// in the report. The values that a worker leaves behind may be dropped in the supervisor's
    /// task, so their destructors must not block.
    ///
    /// Dropping the future does not take the request back.
    pub async fn shutdown(mut self) -> ShutdownReport {
        if let Some(stop) = self.stop.take() {
            stop.ask();
        }
        self.wait_for_report().await
    }

    /// Waits until the tree has ended: its supervisor gave up, ended with a significant child, or
    /// was [stopped](SupervisorHandle::stop).
    ///
    /// Cancel safe.
    pub async fn wait(&mut self) -> ShutdownReport {
        self.wait_for_report().await
    }

    async fn wait_for_report(&mut self) -> ShutdownReport {
        self.ended().await;
        self.report.clone()
    }

    /// Returns a picture of the tree: what each worker does, and who owns its tables. Its `Display`
    /// draws it.
    pub fn tree(&self) -> Tree {
        self.shared.picture()
    }
}

impl<H> Deref for Supervisor<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H> fmt::Debug for Supervisor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("name", self.shared.label()).finish_non_exhaustive()
    }
}

/// The task of a root: a supervisor that has no supervisor of its own.
async fn root(mut run: Run, stop: StopSignal) -> Ended {
    let ending = run.live(stop).await;
    let why = ending.stopped();
    let overdue = std::mem::take(&mut run.overdue);
    run.shared.retire_all(&why);
    let not_started = match ending {
        Ending::NotStarted(error) => Some(error),
        Ending::Shutdown | Ending::Dropped | Ending::GaveUp(_) | Ending::Significant(_) => None,
    };
    Ended { report: overdue.report(why), not_started }
}
