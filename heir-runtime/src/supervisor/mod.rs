//! Supervisors: a supervisor starts its children in order, restarts them when they end, and stops
//! them in reverse order.

mod builder;
mod child;
mod children;
pub(crate) mod declared;
mod dynamic;
mod exit_code;
#[cfg(feature = "metrics")]
mod gauges;
mod handle;
mod health;
mod report;
mod run;
mod shared;
#[cfg(feature = "signal")]
mod signals;
mod strategy;
mod tree;

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

pub use self::builder::SupervisorBuilder;
pub use self::dynamic::{Dynamic, DynamicError, Key, TakeError};
#[cfg(feature = "metrics")]
pub use self::gauges::Gauges;
pub use self::handle::{ChildCounts, SupervisorHandle};
pub use self::health::{Ailment, Health, Problem};
pub use self::report::{ChildError, OverdueChild, ShutdownReport, StartError};
use self::shared::SupervisorShared;
pub use self::strategy::{AutoShutdown, Strategy};
pub use self::tree::{
    KindCounts, LeftOut, Page, StatusCounts, SubtreeStatus, SupervisorCounts, TableNode, Tree, TreeCounts,
    TreeNode, WorkerNode,
};
use crate::process::status::Stopped;
pub use crate::supervisor::child::spec::{ChildPlan, ChildSpec, Reserved};
pub use crate::supervisor::declared::{Child, NamedArgs, NoArgs};
use crate::supervisor::run::Run;
use crate::supervisor::run::ending::Ending;
use crate::supervisor::tree::View;
use crate::tree::subscription::EventStream;
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
/// restarted by its own supervisor.
///
/// A `Supervisor` derefs to its handle: a [`SupervisorHandle`], or the generated handle that has a
/// field for each child. Dropping the `Supervisor` asks the tree to stop, without waiting; callers
/// are told [`Stopped::Dropped`].
///
/// # The end of a program
/// The `main` of a service waits for the end of its tree, and exits with what the report says:
///
#[cfg_attr(feature = "signal", doc = "```no_run")]
#[cfg_attr(not(feature = "signal"), doc = "```text")]
/// # use heir_runtime::prelude::*;
/// use heir_runtime::supervision::ShutdownReport;
/// # #[heir] struct Counter { #[table(keep)] unused: () }
/// # #[handlers] impl Counter {}
/// # #[supervisor] struct App { counter: Counter }
///
/// # /*
/// #[tokio::main]
/// # */
/// # #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<ShutdownReport, BoxError> {
///     let app = App::start().await?;
///     Ok(app.run_until_shutdown().await)
/// }
/// ```
///
/// `run_until_shutdown`, which needs the feature `signal`, waits for ctrl-c or SIGTERM, and then
/// stops the tree in order. [`run_until`](Self::run_until) waits for anything else.
///
/// # When the root has given up
/// Nobody restarts a root: it stays down. Its workers have stopped for good; who calls one gets
/// [`NotSent::Stopped`](crate::NotSent::Stopped) with [`Stopped::GaveUp`]. The program goes on, so
/// somebody has to notice:
///
/// - `run_until_shutdown` and `run_until` return. `main` exits with the report's code, and what
///   starts the program (systemd, Kubernetes) starts it again: with empty tables.
/// - If only a part of the program is likely to fail, that part is a subtree. When a subtree gives
///   up, the root restarts it, and its workers have their tables.
/// - The tables of a root that gave up stay in their estates, as long as a handle is kept:
///   [`Estate::claim`](crate::estate::Estate::claim) takes them, to save them, or to start another
///   tree with what is in them.
#[must_use = "dropping the supervisor stops its tree: keep it under a name, and end with its `run_until` or `shutdown`"]
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
    /// [`SupervisorBuilder::shutdown`] bounds how long all of this may take.
    ///
    /// Dropping the future does not take the request back.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter {
    /// #     fn count(&mut self, key: String) -> u64 {
    /// #         assert_ne!(key, "bug");
    /// #         self.counts.add(key, 1)
    /// #     }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// counter.count("hits".into()).await?;
    /// let report = tree.shutdown().await;
    /// assert_eq!(report.why, Stopped::Shutdown);
    /// assert!(report.aborted.is_empty() && report.unresponsive.is_empty());
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn shutdown(mut self) -> ShutdownReport {
        if let Some(stop) = self.stop.take() {
            stop.ask();
        }
        self.wait_for_report().await
    }

    /// Waits for `stop`, or for the tree's own end, and then stops the tree as
    /// [`shutdown`](Self::shutdown) does.
    ///
    /// The tree ends by itself if its supervisor gives up, ends with a significant child, or is
    /// [stopped](SupervisorHandle::stop). Then `stop` is dropped, and the report says why.
    ///
    /// Dropping the future drops the `Supervisor`, which stops the tree. A panic in `stop` is the
    /// caller's, and drops the `Supervisor`, too.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Jobs { #[table(keep)] open: u64 }
    /// #[handlers]
    /// impl Jobs {
    ///     /// Answers when no job is open.
    ///     fn done(&mut self) {}
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app");
    /// let jobs = tree.worker(Jobs::spec());
    /// let tree = tree.start().await?;
    /// let report = tree.run_until(async move { drop(jobs.done().await) }).await;
    /// assert_eq!(report.why, Stopped::Shutdown);
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> ShutdownReport {
        {
            let stop = pin!(stop);
            race(stop, pin!(self.ended())).await;
        }
        self.shutdown().await
    }

    /// Waits until the tree has ended: its supervisor gave up, ended with a significant child, or
    /// was [stopped](SupervisorHandle::stop).
    ///
    /// Cancel safe.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter {
    /// #     fn count(&mut self, key: String) -> u64 {
    /// #         assert_ne!(key, "bug");
    /// #         self.counts.add(key, 1)
    /// #     }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// let mut tree = tree;
    /// tree.stop().await; // from anywhere, by a handle of the tree
    /// assert_eq!(tree.wait().await.why, Stopped::Shutdown);
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
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
        self.shared.picture(View { above: None, listed: usize::MAX })
    }

    /// Returns a stream of the tree's events from here on, as [`SupervisorHandle::subscribe`] does.
    pub fn subscribe(&self, capacity: usize) -> EventStream {
        self.shared.registry().subscribe(capacity)
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
