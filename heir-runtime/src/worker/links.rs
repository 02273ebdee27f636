//! Links and monitors between workers.

use crate::process::MonitorId;
use crate::worker::Context;
use crate::worker::Handlers;
use crate::worker::handle::Handle;

impl<W: Handlers> Context<W> {
    /// Links this incarnation and the living incarnation of `other`: when one ends, the other gets
    /// an exit signal with its reason (`link/1`). A second link of the same two is the first.
    ///
    /// The signal comes when the tables of the incarnation that ended are home. An incarnation that
    /// [traps exits](Handlers::TRAPS_EXITS) serves it in its `#[on(exit)]` hook, before the
    /// messages that wait. Any other incarnation ends for the same reason, at its next await, its
    /// message undone; only [`Normal`](crate::ExitReason::Normal) does nothing to it. `Shutdown` is
    /// no normal reason for a link: it ends the other incarnation, too.
    ///
    /// The link is between two incarnations: those that follow them are linked only if they link
    /// again in their start hooks. If `other` has no living incarnation, the signal comes at once,
    /// with the reason [`NoProc`](crate::ExitReason::NoProc).
    ///
    /// ```
    /// use heir_runtime::links::ExitSignal;
    /// use heir_runtime::{BoxError, Context, ExitReason, Supervisor, handlers, heir};
    ///
    /// /// Has a connection, and is to end when the session does.
    /// #[heir]
    /// struct Connection {
    ///     #[table(keep)]
    ///     bytes: u64,
    ///     #[arg]
    ///     session: SessionHandle,
    /// }
    ///
    /// #[handlers]
    /// impl Connection {
    ///     #[on(start)]
    ///     fn begin(&mut self, cx: &mut Context<Self>) {
    ///         cx.link(&self.session);
    ///     }
    /// }
    ///
    /// #[heir]
    /// struct Session {
    ///     #[table(keep)]
    ///     lost: Vec<ExitReason>,
    /// }
    ///
    /// #[handlers]
    /// impl Session {
    ///     #[on(exit)]
    ///     fn linked_ended(&mut self, signal: &ExitSignal) {
    ///         self.lost.push(signal.reason.clone());
    ///     }
    ///
    ///     fn lost(&mut self) -> Vec<ExitReason> {
    ///         self.lost.clone()
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app");
    /// let session = tree.worker(Session::spec());
    /// let connection = tree.worker(Connection::spec(session.clone()));
    /// let tree = tree.start().await?;
    ///
    /// let down = connection.monitor();
    /// connection.exit(ExitReason::error("reset by peer"));
    /// down.await;
    /// assert_eq!(session.lost().await?, [ExitReason::error("reset by peer")]); // and it lives on
    /// # drop(session);
    /// tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn link<V: Handlers>(&mut self, other: &Handle<V>) {
        match other.shared.process() {
            Some(other) => self.process.link(&other),
            None => self.process.no_proc(&other.shared.name),
        }
    }

    /// Removes the link of this incarnation to `other` (`unlink/1`). No exit signal from `other` is
    /// served from here on, not even a signal that has come already. Without a link it does
    /// nothing.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Job { #[table(keep)] unused: () }
    /// # #[handlers] impl Job {}
    /// # #[heir] struct Boss { #[table(keep)] calls: u64, #[arg] job: JobHandle }
    /// #[handlers]
    /// impl Boss {
    ///     fn let_go(&mut self, cx: &mut Context<Self>) {
    ///         cx.link(&self.job);
    ///         cx.unlink(&self.job); // its end is not ours
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let job = tree.worker(Job::spec());
    /// let boss = tree.worker(Boss::spec(job.clone()));
    /// # let tree = tree.start().await?;
    /// boss.let_go().await?;
    /// job.kill();
    /// job.wait_serving(2).await?;
    /// assert_eq!(boss.incarnation(), 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn unlink<V: Handlers>(&mut self, other: &Handle<V>) {
        if let Some(other) = other.shared.process() {
            self.process.unlink(&other);
        }
    }

    /// Monitors the living incarnation of `other`: when it has ended and its tables are home, this
    /// worker's `#[on(down)]` hook runs, once, whatever the reason (`monitor/2`). If `other` has no
    /// living incarnation, the hook runs at once, with the reason
    /// [`NoProc`](crate::ExitReason::NoProc).
    ///
    /// Each call is a monitor of its own. It ends with this incarnation.
    ///
    /// ```
    /// use heir_runtime::links::Down;
    /// use heir_runtime::prelude::*;
    /// # #[heir] struct Job { #[table(keep)] unused: () }
    /// # #[handlers] impl Job {}
    ///
    /// #[heir]
    /// struct Watcher {
    ///     #[table(keep)]
    ///     ended: Vec<String>,
    ///     #[arg]
    ///     job: JobHandle,
    /// }
    ///
    /// #[handlers]
    /// impl Watcher {
    ///     fn watch(&mut self, cx: &mut Context<Self>) {
    ///         cx.monitor(&self.job);
    ///     }
    ///
    ///     #[on(down)]
    ///     fn job_ended(&mut self, down: &Down) {
    ///         self.ended.push(down.reason.to_string());
    ///     }
    ///
    ///     fn ended(&mut self) -> Vec<String> {
    ///         self.ended.clone()
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let job = tree.worker(Job::spec());
    /// # let watcher = tree.worker(Watcher::spec(job.clone()));
    /// # let tree = tree.start().await?;
    /// watcher.watch().await?;
    /// job.kill();
    /// while watcher.ended().await? != ["killed"] {}
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn monitor<V: Handlers>(&mut self, other: &Handle<V>) -> MonitorId {
        self.process.monitor(other.shared.process().as_ref(), &other.shared.name)
    }

    /// Ends a monitor: the `#[on(down)]` hook does not run for it any more (`demonitor/2` with
    /// `flush`). If it has run already, nothing happens.
    ///
    /// ```
    /// # use heir_runtime::links::Down;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Job { #[table(keep)] unused: () }
    /// # #[handlers] impl Job {}
    /// # #[heir] struct Watcher { #[table(keep)] ended: u64, #[arg] job: JobHandle }
    /// #[handlers]
    /// impl Watcher {
    ///     fn watch_no_more(&mut self, cx: &mut Context<Self>) {
    ///         let monitor = cx.monitor(&self.job);
    ///         cx.demonitor(monitor);
    ///     }
    /// #
    /// #     #[on(down)]
    /// #     fn job_ended(&mut self, _down: &Down) { self.ended += 1; }
    /// #     fn ended(&mut self) -> u64 { self.ended }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let job = tree.worker(Job::spec());
    /// let watcher = tree.worker(Watcher::spec(job.clone()));
    /// # let tree = tree.start().await?;
    /// watcher.watch_no_more().await?;
    /// job.kill();
    /// job.wait_serving(2).await?;
    /// assert_eq!(watcher.ended().await?, 0);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn demonitor(&mut self, monitor: MonitorId) {
        self.process.demonitor(monitor);
    }
}
