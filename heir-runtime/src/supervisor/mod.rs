//! The supervisor: starts its children in order, starts them again when they end, stops them in reverse.

mod branch;
mod builder;
mod child;
pub(crate) mod declared;
mod dynamic;
mod handle;
mod keys;
mod report;
mod run;
mod strategy;
mod tree;

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

use self::branch::Branch;
pub use self::builder::SupervisorBuilder;
pub use self::dynamic::{Dynamic, DynamicError, Key};
pub use self::handle::{ChildCounts, SupervisorHandle};
pub use self::report::{ChildError, OverdueChild, ShutdownReport, StartError};
pub use self::strategy::{AutoShutdown, Strategy};
pub use self::tree::{SubtreeStatus, Tree, TreeNode, WorkerNode};
use crate::process::status::Stopped;
pub use crate::supervisor::child::spec::ChildSpec;
pub use crate::supervisor::declared::{Child, NoArgs};
use crate::supervisor::run::{Ending, Run};
use crate::util::caught::guarded;
use crate::util::race::{Either, race};
use crate::util::stop::{StopOnDrop, StopSignal};

/// A running tree: made by [`Supervisor::builder`], or by what `#[supervisor]` generates.
///
/// As OTP's `supervisor`: a child that ends is started again as its [`Restart`](crate::Restart) type says, and its siblings with
/// it as the [`Strategy`] says. More restarts than the intensity allows, and the supervisor gives up: it stops all of its children and
/// ends, for its own supervisor to start it again. One that has none tells everyone who waits for a child, and leaves the tables in
/// their estates.
///
/// It derefs to what the tree is reached with: a [`SupervisorHandle`], or what bundles those of the children. Dropping it asks the
/// tree to stop, without waiting, and callers are told so ([`Stopped::Dropped`]);
/// [`shutdown`](Self::shutdown) waits, and tells how it went.
#[must_use = "dropping the supervisor stops its tree: keep it under a name, and end with its `shutdown`"]
pub struct Supervisor<H = SupervisorHandle> {
    handle: H,
    branch: Arc<Branch>,
    // Dropped, it asks the tree to stop, and says so to those who call its children.
    stop: Option<StopOnDrop>,
    // Until it has ended; then there is a report.
    task: Option<JoinHandle<Ended>>,
    report: ShutdownReport,
}

/// How the task of a root ended.
struct Ended {
    report: ShutdownReport,
    not_started: Option<StartError>,
}

impl Supervisor {
    /// A tree called `name`, without children yet.
    pub fn builder(name: impl Into<Arc<str>>) -> SupervisorBuilder {
        SupervisorBuilder::new(name.into())
    }
}

impl<H> Supervisor<H> {
    fn new(handle: H, branch: Arc<Branch>, stop: StopOnDrop, task: JoinHandle<Ended>) -> Self {
        let report = ShutdownReport::new(Stopped::Dropped);
        Self { handle, branch, stop: Some(stop), task: Some(task), report }
    }

    /// Waits until its children are up.
    async fn up(mut self) -> Result<Self, StartError> {
        let branch = Arc::clone(&self.branch);
        let first = guarded(race(pin!(branch.until_up()), pin!(self.ended()))).await;
        match first {
            Either::Left(()) => Ok(self),
            Either::Right(not_started) => {
                Err(not_started.unwrap_or_else(|| StartError::Stopped(self.report.why.clone())))
            }
        }
    }

    /// Waits until its task has ended: why it did not start, if it did not.
    async fn ended(&mut self) -> Option<StartError> {
        let task = self.task.as_mut()?;
        // Whatever is a user's is caught in its task: it can fail only by being killed, or dropped with its runtime.
        let ended = task.await.ok();
        self.task = None;
        let ended = ended?;
        self.report = ended.report;
        ended.not_started
    }

    /// Stops the children in reverse order, each within its shutdown timeout, and waits until they have ended.
    ///
    /// A worker serves until it is asked to stop: then its mailbox is closed, what is queued is refused, and its stop hook can still
    /// reach those that were started before it. The workers of one [`Dynamic`] are asked together.
    ///
    /// It does not wait for a child that does not yield to the runtime: that is left behind, and named in the report. (A destructor
    /// among what a worker leaves behind runs in the supervisor's task, and must not block.) Dropping the future does not take the
    /// request back.
    pub async fn shutdown(mut self) -> ShutdownReport {
        if let Some(stop) = self.stop.take() {
            stop.ask();
        }
        self.wait_for_report().await
    }

    /// Waits until the tree has ended, because its supervisor gave up, ended with a significant child, or was
    /// [stopped](SupervisorHandle::stop).
    ///
    /// Cancel safe.
    pub async fn wait(&mut self) -> ShutdownReport {
        self.wait_for_report().await
    }

    async fn wait_for_report(&mut self) -> ShutdownReport {
        self.ended().await;
        self.report.clone()
    }

    /// The tree as it is now: who serves, who owns which tables. Its `Display` draws it.
    pub fn tree(&self) -> Tree {
        self.branch.picture()
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
        f.debug_struct("Supervisor").field("name", self.branch.label()).finish_non_exhaustive()
    }
}

/// The task of a supervisor that nobody is above of.
async fn root(mut run: Run, stop: StopSignal) -> Ended {
    let ending = run.live(stop).await;
    let why = ending.stopped();
    let overdue = std::mem::take(&mut run.overdue);
    run.branch.retire_all(&why);
    let not_started = match ending {
        Ending::NotStarted(error) => Some(error),
        Ending::Shutdown | Ending::Dropped | Ending::GaveUp(_) | Ending::Significant(_) => None,
    };
    Ended { report: overdue.report(why), not_started }
}
