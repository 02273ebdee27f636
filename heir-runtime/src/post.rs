//! The post of a worker: what stays while its incarnations, and its managers, come and go.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::estate::{Estate, Incoming, Recipient};
use crate::events::{Event, EventKind, Events, Role};
use crate::exit::{Exit, ExitReason};
use crate::mailbox::{Mailbox, Stopped};
use crate::process::{Outliving, Process};
use crate::quarantine::Quarantined;
use crate::sync::Watched;
use crate::worker::Handlers;

/// What a worker's handle, its incarnations, its manager and its supervisor share.
pub(crate) struct Post<W: Handlers> {
    pub(crate) name: Arc<str>,
    pub(crate) estate: Estate<W::Tables>,
    pub(crate) mailbox: Mailbox<W::Message>,
    /// Of the tables that are, or will be, in the estate.
    readers: RwLock<W::Readers>,
    quarantine: Mutex<Vec<Quarantined<W::Tables>>>,
    /// Where an incarnation waits for its tables.
    vacancy: Watched<Option<Recipient<W::Tables>>>,
    roster: Watched<Roster>,
    /// How many incarnations in a row have died in a way that speaks against the tables.
    suspicions: AtomicU32,
    /// The last incarnation whose tables have been looked at after its end.
    examined: AtomicU64,
    /// What incarnations have left running.
    outliving: Arc<Outliving>,
    events: Events,
    supervisor: mpsc::UnboundedSender<Command>,
}

/// A post behind a handle. Through it a handle is `Send` and `Sync` without a look at what its worker's messages and tables hold:
/// that may be the same handle.
pub(crate) trait Shared<W: Handlers>: Send + Sync {
    fn post(&self) -> &Post<W>;
}

impl<W: Handlers> Shared<W> for Post<W> {
    fn post(&self) -> &Self {
        self
    }
}

impl<W: Handlers> Deref for dyn Shared<W> {
    type Target = Post<W>;

    fn deref(&self) -> &Post<W> {
        self.post()
    }
}

/// What a supervisor is asked from outside.
pub(crate) enum Command {
    /// Stop this child for good.
    Terminate(Arc<str>),
    /// The same, because its tables were quarantined for this reason.
    Quarantine(Arc<str>, Arc<str>),
    /// Stop everything.
    Shutdown,
}

/// Who is at work.
struct Roster {
    status: Status,
    /// Whether any incarnation has ever served.
    served: bool,
    /// The newest incarnation, also when it has ended.
    worker: Option<Arc<Process>>,
    manager: Option<AbortHandle>,
}

/// What a worker does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No incarnation lives: its supervisor has not started one, or is about to start the next.
    Down,
    /// This incarnation waits for its tables, or runs its start hooks.
    Starting(u64),
    /// This incarnation serves.
    Serving(u64),
    /// This incarnation does not yield to the runtime: it cannot be ended, and its tables stay with it, until it does.
    Unresponsive(u64),
    /// It will not serve any more.
    Stopped(Stopped),
}

impl Roster {
    /// Nothing comes after a stop: an incarnation that was left behind as unresponsive may get here when all is over. Says
    /// whether the status is entered.
    fn enter(&mut self, status: Status) -> bool {
        let open = !matches!(self.status, Status::Stopped(_));
        if open {
            self.status = status;
        }
        open
    }
}

impl<W: Handlers> Post<W> {
    pub(crate) fn new(
        name: Arc<str>,
        mailbox: usize,
        events: Events,
        supervisor: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            estate: Estate::managed(&name),
            mailbox: Mailbox::new(mailbox),
            readers: RwLock::new(W::readers()),
            quarantine: Mutex::default(),
            vacancy: Watched::new(None),
            roster: Watched::new(Roster { status: Status::Down, served: false, worker: None, manager: None }),
            name,
            suspicions: AtomicU32::new(0),
            examined: AtomicU64::new(0),
            outliving: Arc::default(),
            events,
            supervisor,
        }
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        self.events.emit(|| Event { child: Arc::clone(&self.name), kind });
    }

    /// Waits, as this incarnation, for the tables: they arrive at the end returned.
    pub(crate) fn wait_for_tables(&self, incarnation: u64) -> Incoming<W::Tables> {
        let (recipient, incoming) = self.estate.recipient_for(&self.name, incarnation);
        // Whoever waited there before is dead: its supervisor starts one incarnation at a time.
        drop(self.vacancy.update(|waiting| waiting.replace(recipient)));
        incoming
    }

    /// Waits, as the manager, for an incarnation that waits for its tables.
    pub(crate) async fn next_recipient(&self) -> Recipient<W::Tables> {
        self.vacancy.until(Option::take).await
    }

    pub(crate) fn status(&self) -> Status {
        self.roster.read(|roster| roster.status.clone())
    }

    /// A new incarnation is about to be started.
    pub(crate) fn begin(&self, incarnation: u64) -> Arc<Process> {
        let process = Arc::new(Process::new(&self.name, incarnation, W::TRAPS_EXITS, &self.outliving));
        self.roster.update(|roster| roster.worker = Some(Arc::clone(&process)));
        process
    }

    /// A new incarnation has been started.
    pub(crate) fn started(&self, incarnation: u64, task: AbortHandle) {
        let process = self.roster.update(|roster| {
            // It may already be serving: it runs since it was spawned.
            if roster.status == Status::Down {
                roster.status = Status::Starting(incarnation);
            }
            roster.worker.clone()
        });
        if let Some(process) = process.filter(|process| process.incarnation() == incarnation) {
            process.runs_as(task);
        }
    }

    /// The newest incarnation, as others see it.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.roster.read(|roster| roster.worker.clone())
    }

    /// Why the newest incarnation has ended, if it has: also when its task was aborted, and could not say so itself.
    pub(crate) fn exit_reason(&self) -> Option<ExitReason> {
        self.process()?.reason()
    }

    /// An incarnation has its tables, and its hooks have succeeded.
    pub(crate) fn serving(&self, incarnation: u64) {
        self.roster.update(|roster| roster.served |= roster.enter(Status::Serving(incarnation)));
        self.emit(EventKind::Serving { incarnation });
    }

    /// The incarnation has ended; another one may follow.
    pub(crate) fn down(&self) {
        self.roster.update(|roster| roster.enter(Status::Down));
    }

    /// An incarnation does not yield to the runtime.
    pub(crate) fn unresponsive(&self, incarnation: u64) {
        self.roster.update(|roster| {
            if matches!(roster.status, Status::Starting(n) | Status::Serving(n) if n == incarnation) {
                roster.status = Status::Unresponsive(incarnation);
            }
        });
        self.emit(EventKind::Unresponsive { role: Role::Worker });
    }

    pub(crate) fn manager_started(&self, task: AbortHandle) {
        self.roster.update(|roster| roster.manager = Some(task));
    }

    /// An incarnation has died before it could show that it can live with its tables.
    pub(crate) fn tables_suspected(&self) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn tables_cleared(&self) {
        self.suspicions.store(0, Ordering::Relaxed);
    }

    /// How many incarnations in a row have died in a way that speaks against the tables.
    pub(crate) fn suspicions(&self) -> u32 {
        self.suspicions.load(Ordering::Relaxed)
    }

    /// Whether what this exit left behind has not been looked at yet: a manager may die, and the next one must not judge again.
    pub(crate) fn is_unexamined(&self, exit: &Exit) -> bool {
        self.examined.load(Ordering::Relaxed) < exit.incarnation
    }

    pub(crate) fn examined(&self, exit: &Exit) {
        self.examined.store(exit.incarnation, Ordering::Relaxed);
    }

    pub(crate) fn is_managed(&self) -> bool {
        self.roster.read(|roster| roster.manager.is_some())
    }

    pub(crate) fn manager_down(&self) {
        self.roster.update(|roster| roster.manager = None);
    }

    /// No incarnation will follow: senders are told. The tables stay in the estate.
    pub(crate) fn close(&self, why: &Stopped) {
        self.mailbox.close(why.clone());
    }

    /// Worker and manager are gone for good, or never were: the tables can be claimed. Once is enough.
    pub(crate) fn retire(&self, why: &Stopped) {
        self.close(why);
        self.outliving.stop();
        drop(self.vacancy.update(Option::take));
        self.estate.settle();
        self.estate.release();
        self.roster.update(|roster| {
            roster.manager = None;
            roster.enter(Status::Stopped(why.clone()));
        });
    }

    /// Aborts the incarnation that lives, once.
    pub(crate) fn kill_worker(&self) -> Option<u64> {
        let process = self.process()?;
        process.kill(ExitReason::Killed).then(|| process.incarnation())
    }

    /// Aborts the manager that lives, once.
    pub(crate) fn kill_manager(&self) -> bool {
        let task = self.roster.update(|roster| roster.manager.take());
        task.inspect(AbortHandle::abort).is_some()
    }

    /// Waits until an incarnation with at least this number serves, or none will.
    pub(crate) async fn until_serving(&self, at_least: u64) -> Result<u64, Stopped> {
        self.roster
            .until(|roster| match &roster.status {
                Status::Serving(incarnation) if *incarnation >= at_least => Some(Ok(*incarnation)),
                Status::Stopped(why) => Some(Err(why.clone())),
                Status::Down | Status::Starting(_) | Status::Serving(_) | Status::Unresponsive(_) => None,
            })
            .await
    }

    /// Waits until the first incarnation serves, even if it has ended since.
    pub(crate) async fn until_served(&self) {
        self.roster.until(|roster| roster.served.then_some(())).await;
    }

    /// Waits until none will serve any more.
    pub(crate) async fn until_stopped(&self) -> Stopped {
        self.roster
            .until(|roster| match &roster.status {
                Status::Stopped(why) => Some(why.clone()),
                Status::Down | Status::Starting(_) | Status::Serving(_) | Status::Unresponsive(_) => None,
            })
            .await
    }

    /// Asks the supervisor to stop worker and manager for good.
    pub(crate) fn request_termination(&self) {
        // A supervisor that is gone has retired this post, or does so as it goes.
        let _ = self.supervisor.send(Command::Terminate(Arc::clone(&self.name)));
    }

    /// As [`request_termination`](Self::request_termination), because the tables were quarantined.
    pub(crate) fn request_quarantine(&self, reason: &Arc<str>) {
        let _ = self.supervisor.send(Command::Quarantine(Arc::clone(&self.name), Arc::clone(reason)));
    }

    pub(crate) fn readers(&self) -> W::Readers {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Parks tables, and has `readers` read the ones that take their place.
    pub(crate) fn park(&self, parked: Quarantined<W::Tables>, readers: W::Readers) {
        let before =
            std::mem::replace(&mut *self.readers.write().unwrap_or_else(PoisonError::into_inner), readers);
        drop(before);
        self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).push(parked);
    }

    /// The tables that were parked, oldest first.
    pub(crate) fn take_quarantined(&self) -> Vec<Quarantined<W::Tables>> {
        std::mem::take(&mut *self.quarantine.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn quarantined(&self) -> usize {
        self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Starting(incarnation) => write!(f, "incarnation {incarnation} starting"),
            Self::Serving(incarnation) => write!(f, "incarnation {incarnation} serving"),
            Self::Unresponsive(incarnation) => {
                write!(f, "incarnation {incarnation} unresponsive: it holds the tables until it yields")
            }
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
