//! Links and monitors, as a worker asks for them.

use crate::process::MonitorId;
use crate::worker::Context;
use crate::worker::Handlers;
use crate::worker::handle::Handle;

impl<W: Handlers> Context<W> {
    /// Links this incarnation and the living one of `other` (`link/1`). A second link of the same two is the first.
    ///
    /// When one of them ends, the other gets an exit signal with its reason, once its tables are home. One that does not
    /// [trap exits](Handlers::TRAPS_EXITS) then ends for the same reason, at its next await, its message undone; unless the
    /// reason is [`Normal`](crate::ExitReason::Normal), which does nothing to it. One that traps exits serves the signal in
    /// its `#[on(exit)]` hook, before the messages that wait. `Shutdown` is no normal reason for a link: it travels.
    ///
    /// The link is between two incarnations: those that follow them are not linked, unless they do it in their start hook. If
    /// `other` has no living incarnation, the signal comes at once, with reason [`NoProc`](crate::ExitReason::NoProc).
    ///
    /// ```
    /// use heir_runtime::{BoxError, Context, ExitReason, ExitSignal, Supervisor, handlers, heir};
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
        match other.process() {
            Some(other) => self.process.link(&other),
            None => self.process.no_proc(other.shared_name()),
        }
    }

    /// Removes the link of this incarnation to `other` (`unlink/1`): no exit signal from it is served from here on, not even one
    /// that has come already. Without a link it does nothing.
    pub fn unlink<V: Handlers>(&mut self, other: &Handle<V>) {
        if let Some(other) = other.process() {
            self.process.unlink(&other);
        }
    }

    /// Monitors the living incarnation of `other` (`monitor/2`): when it has ended and its tables are home, the `#[on(down)]`
    /// hook of this one is told, once, whatever the reason. If there is none, it is told at once, with reason
    /// [`NoProc`](crate::ExitReason::NoProc).
    ///
    /// Each call is a monitor of its own. It ends with this incarnation.
    pub fn monitor<V: Handlers>(&mut self, other: &Handle<V>) -> MonitorId {
        self.process.monitor(other.process().as_ref(), other.shared_name())
    }

    /// Ends a monitor (`demonitor/2` with `flush`): the hook is not told of it any more. Does nothing if it has been already.
    pub fn demonitor(&mut self, monitor: MonitorId) {
        self.process.demonitor(monitor);
    }
}
