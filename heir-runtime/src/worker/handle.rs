//! The handle: the way to a worker that stays, whichever incarnation serves.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::estate::Estate;
use crate::estate::quarantine::Quarantined;
use crate::process::Down;
use crate::process::ExitSignal;
use crate::process::ExitSource;
use crate::process::MonitorId;
use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::process::status::{Status, Stopped};
use crate::table::Readers;
use crate::tree::parent::ParentRequest;
use crate::tree::registry::Registry;
use crate::util::caught::guarded;
use crate::worker::Handlers;
use crate::worker::shared::{AnyShared, Shared};

/// The way to a worker that stays, whichever incarnation serves.
///
/// A worker's own handle (`CounterHandle`, generated) has a method for each of its messages, and derefs to this one.
/// Clones are cheap, and keep neither the worker nor its supervisor running.
pub struct Handle<W: Handlers> {
    pub(crate) shared: Arc<dyn AnyShared<W>>,
    pub(crate) timeout: Option<Duration>,
}

impl<W: Handlers> Handle<W> {
    pub(crate) fn new(shared: Arc<dyn AnyShared<W>>) -> Self {
        Self { shared, timeout: None }
    }

    pub(crate) fn shared(&self) -> &Arc<dyn AnyShared<W>> {
        &self.shared
    }

    /// The name its supervisor knows the worker by.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// A handle whose calls and casts wait no longer than this, for a place in the mailbox and the reply together.
    ///
    /// Without it they wait until the worker answers, dies while it serves them, or stops for good.
    pub fn timeout(&self, timeout: Duration) -> W::Handle {
        W::Handle::from(Self { shared: Arc::clone(&self.shared), timeout: Some(timeout) })
    }

    /// The number of the newest incarnation that has owned the tables; 0 before the first.
    pub fn incarnation(&self) -> u64 {
        self.shared.estate.info().incarnation
    }

    /// What the worker does at the moment.
    pub fn status(&self) -> Status {
        self.shared.lifecycle.status()
    }

    /// How many messages wait in its mailbox.
    pub fn queued(&self) -> usize {
        self.shared.mailbox.queued()
    }

    /// The estate of the worker's tables: who owns them, how the last owner ended, and, once the worker has stopped, the way
    /// to [claim](Estate::claim) them.
    pub fn estate(&self) -> Estate<W::Tables> {
        self.shared.estate.clone()
    }

    /// Readers of the worker's recorded tables, as they are now. The generated methods named after the fields are made of this.
    pub fn readers(&self) -> Readers {
        self.shared.readers()
    }

    /// How many times its tables have been parked, and not been taken out since.
    pub fn quarantined(&self) -> usize {
        self.shared.quarantined()
    }

    /// Takes out the tables that have been parked, oldest first: see [`Spec::quarantine`](crate::Spec::quarantine).
    pub fn take_quarantined(&self) -> Vec<Quarantined<W::Tables>> {
        self.shared.take_quarantined()
    }

    /// Kills the incarnation that lives, where it stands at its next await (`exit(Pid, kill)`), and returns its number. That
    /// cannot be trapped; whoever is linked to it gets the reason [`Killed`](ExitReason::Killed), which can. Its supervisor decides whether another one follows.
    ///
    /// An incarnation is killed once; `None` says that there is none to kill at the moment.
    pub fn kill(&self) -> Option<u64> {
        self.shared.kill_worker()
    }

    /// Sends an exit signal to the incarnation that lives (`exit/2`), and returns its number; `None` says that there is none.
    ///
    /// One that [traps exits](crate::Handlers::TRAPS_EXITS) gets it as a message, whatever the reason, and decides itself. Any other
    /// ends where it stands at its next await, its message undone; its caller, its supervisor and whoever is linked to it see
    /// `reason`. With [`Normal`](ExitReason::Normal) nothing happens to that one, as in OTP. To end one that traps exits:
    /// [`kill`](Self::kill).
    pub fn exit(&self, reason: ExitReason) -> Option<u64> {
        let process = self.shared.process().filter(|process| process.reason().is_none())?;
        process.exit(ExitSignal { from: ExitSource::Handle, reason });
        Some(process.incarnation())
    }

    /// Monitors the incarnation that lives (`monitor/2`), from now on and from outside any worker: resolves when it has ended and
    /// its tables are home. If none lives, it resolves at once, with [`NoProc`](ExitReason::NoProc).
    ///
    /// Dropping the future ends the monitor.
    pub fn monitor(&self) -> impl Future<Output = Down> + Send + 'static + use<W> {
        let name = Arc::clone(&self.shared.name);
        let monitor_from_outside = self.shared.process().and_then(|process| process.monitor_from_outside());
        async move {
            match monitor_from_outside {
                // It is woken in the task of the incarnation that ends.
                Some(monitor_from_outside) => guarded(pin!(monitor_from_outside.down())).await,
                None => None,
            }
            .unwrap_or_else(|| Down::no_proc(MonitorId::new(), &name))
        }
    }

    /// Kills the manager that lives, and says whether there was one. Its supervisor starts the next.
    pub fn kill_manager(&self) -> bool {
        self.shared.kill_manager()
    }

    /// Restarts the worker on request, between two messages: it finishes the one in progress and runs its stop hook, and the next
    /// incarnation gets its tables. Waits until that serves, and returns its number.
    ///
    /// It counts for nothing, neither in the supervisor's intensity nor against the tables, and its siblings do not notice. A worker
    /// that waits out a back-off, or was terminated, is started at once. A worker whose supervisor was terminated waits for that: until
    /// it is restarted, or deleted. Dropping the future does not take the request back.
    ///
    /// # Errors
    /// Why none will serve any more.
    pub async fn restart(&self) -> Result<u64, Stopped> {
        let next = self.shared.newest() + 1;
        self.shared.ask(ParentRequest::Renew);
        self.wait_serving(next).await
    }

    /// Has the worker serve no more messages until it is [resumed](Self::resume) (`sys:suspend/1`), and waits until the one in
    /// progress is done, however long that takes. What is sent meanwhile is queued; a worker that is started again stays paused;
    /// killing, restarting, stopping, its hooks, and the passing of its tables go on as ever. It may be asked before the start.
    ///
    /// Cancel safe in this sense: dropping the future does not take the request back. A handler that waits for its own worker to
    /// be paused waits for ever.
    ///
    /// # Errors
    /// The worker has stopped for good.
    pub async fn pause(&self) -> Result<(), Stopped> {
        self.shared.mailbox.pause().await
    }

    /// Has the worker serve messages again (`sys:resume/1`). Once is enough, however often it was paused.
    pub fn resume(&self) {
        self.shared.mailbox.resume();
    }

    /// Whether the worker is paused: it serves no further message until it is [resumed](Self::resume).
    pub fn is_paused(&self) -> bool {
        self.shared.mailbox.is_paused()
    }

    /// Stops worker and manager for good, in order, and waits until they have (`supervisor:terminate_child/2`). The tables
    /// stay in the [estate](Self::estate), free to be claimed.
    ///
    /// The message in progress is finished, within the worker's shutdown timeout; callers of queued ones are told. If the worker's
    /// supervisor was terminated, nobody does this before that is restarted, or deleted: the call waits until then.
    /// Dropping the future does not take the request back.
    pub async fn stop(&self) -> Stopped {
        self.shared.ask(ParentRequest::Stop(Stopped::Shutdown));
        self.wait().await
    }

    /// Waits until the worker has stopped for good, and says why.
    pub async fn wait(&self) -> Stopped {
        self.shared.lifecycle.until_stopped().await
    }

    /// Waits until an incarnation with at least this number serves, and returns its number.
    ///
    /// # Errors
    /// Why none will.
    pub async fn wait_serving(&self, at_least: u64) -> Result<u64, Stopped> {
        self.shared.lifecycle.until_serving(at_least).await
    }

    /// A handle that does not count among those that keep the estate alive.
    pub fn downgrade(&self) -> WeakHandle<W> {
        WeakHandle::new(Arc::downgrade(&self.shared))
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.shared.name
    }

    /// The incarnation that lives, or was the last.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.shared.process()
    }
}

impl<W: Handlers> Clone for Handle<W> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), timeout: self.timeout }
    }
}

impl<W: Handlers> fmt::Debug for Handle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("name", &self.name())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// A handle that keeps nothing alive: neither the mailbox nor the tables.
pub struct WeakHandle<W: Handlers> {
    shared: Weak<dyn AnyShared<W>>,
}

impl<W: Handlers> WeakHandle<W> {
    pub(crate) fn new(shared: Weak<dyn AnyShared<W>>) -> Self {
        Self { shared }
    }

    /// Whether it is a handle on this worker.
    pub(crate) fn is_of(&self, shared: &Shared<W>) -> bool {
        std::ptr::addr_eq(self.shared.as_ptr(), shared)
    }

    /// What the worker shares with its whole tree.
    pub(crate) fn registry(&self) -> Option<Registry> {
        self.shared.upgrade().map(|shared| shared.registry().clone())
    }

    /// The incarnation that lives, or was the last.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.shared.upgrade()?.process()
    }

    /// The worker's handle, while its supervisor or another handle keeps it.
    pub fn upgrade(&self) -> Option<W::Handle> {
        self.shared.upgrade().map(|shared| W::Handle::from(Handle::new(shared)))
    }
}

impl<W: Handlers> Clone for WeakHandle<W> {
    fn clone(&self) -> Self {
        Self { shared: Weak::clone(&self.shared) }
    }
}

impl<W: Handlers> fmt::Debug for WeakHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakHandle").field("alive", &(self.shared.strong_count() > 0)).finish()
    }
}
