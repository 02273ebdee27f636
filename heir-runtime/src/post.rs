//! The post of a worker: what stays while its incarnations, and its managers, come and go.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::estate::{Estate, Incoming, Recipient};
use crate::events::{Event, EventKind, Role};
use crate::exit::{Exit, ExitReason};
use crate::handle::WeakHandle;
use crate::mailbox::{Mailbox, Stopped};
use crate::patience::Downtime;
use crate::process::{Outliving, Process};
use crate::quarantine::Quarantined;
use crate::realm::Realm;
use crate::sync::Watched;
use crate::table::Readers;
use crate::worker::{Handlers, Spec, WhileDown, readers_of};

/// What a worker's handle, its incarnations, its manager and its supervisor share.
pub(crate) struct Post<W: Handlers> {
    pub(crate) name: Arc<str>,
    pub(crate) estate: Estate<W::Tables>,
    pub(crate) mailbox: Mailbox<W::Message>,
    pub(crate) while_down: WhileDown,
    /// Of the tables that are, or will be, in the estate.
    readers: RwLock<Readers>,
    quarantine: Mutex<Vec<Quarantined<W::Tables>>>,
    /// Where an incarnation waits for its tables.
    vacancy: Watched<Option<Recipient<W::Tables>>>,
    roster: Watched<Roster>,
    /// The newest incarnation, also when it has ended.
    process: Mutex<Option<Arc<Process>>>,
    /// How many incarnations in a row have died in a way that speaks against the tables.
    suspicions: AtomicU32,
    /// The last incarnation whose tables have been looked at after its end.
    examined: AtomicU64,
    /// What incarnations have left running.
    outliving: Arc<Outliving>,
    realm: Realm,
    /// Its name in the whole tree.
    registered: Option<Arc<str>>,
    /// Whether it has that: another worker may.
    is_registered: AtomicBool,
    position: Position,
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

/// Where a child is in its supervisor, and the way to it.
pub(crate) struct Position {
    pub(crate) place: Place,
    pub(crate) superior: Arc<dyn Superior>,
}

/// Which child of a supervisor: they are started in this order.
pub(crate) type Place = u64;

/// What a child asks of its supervisor.
pub(crate) trait Superior: Send + Sync {
    /// One that is gone has retired the child, or does so as it goes.
    fn ask(&self, place: Place, what: Ask);
}

/// What is to be done with a child.
pub(crate) enum Ask {
    /// Stop it for good.
    Stop(Stopped),
    /// Stop it between two messages, and start it again.
    Renew,
}

/// Who is at work.
struct Roster {
    status: Status,
    /// Counted where somebody asks for it.
    downtime: Option<Downtime>,
    /// Whether the newest incarnation has served.
    served: bool,
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
    /// This incarnation does not yield to the runtime, and nobody can take its tables from it: they pass on when it lets go, and
    /// not before. The caller of the message it serves has been told; the other messages wait.
    Unresponsive(u64),
    /// No incarnation lives, and none will before it is asked for
    /// ([`SupervisorHandle::terminate_child`](crate::SupervisorHandle::terminate_child)). Messages wait.
    Terminated,
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
            let serves = self.serves();
            if let Some(downtime) = &mut self.downtime {
                downtime.enter(serves);
            }
        }
        open
    }

    fn serves(&self) -> bool {
        matches!(self.status, Status::Serving(_))
    }

    fn not_serving(&self) -> Option<Status> {
        (!self.serves()).then(|| self.status.clone())
    }

    /// For how long no incarnation has served, all in all.
    fn downtime(&self) -> Duration {
        self.downtime.as_ref().map_or(Duration::ZERO, Downtime::so_far)
    }
}

impl<W: Handlers> Post<W> {
    /// The post of a worker whose tables do not exist yet, or, if there is an `estate`, are in that.
    pub(crate) fn new(
        spec: &Spec<W>,
        estate: Option<Estate<W::Tables>>,
        position: Position,
        realm: Realm,
    ) -> Self {
        let name = Arc::clone(&spec.name);
        Self {
            estate: estate.unwrap_or_else(|| Estate::managed(&name)),
            mailbox: Mailbox::new(Arc::clone(&name), spec.mailbox, spec.on_undelivered.clone()),
            while_down: spec.while_down,
            readers: RwLock::new(W::readers()),
            quarantine: Mutex::default(),
            vacancy: Watched::new(None),
            roster: Watched::new(Roster {
                status: Status::Down,
                downtime: matches!(spec.while_down, WhileDown::WaitFor(_)).then(Downtime::begin),
                served: false,
                manager: None,
            }),
            name,
            suspicions: AtomicU32::new(0),
            examined: AtomicU64::new(0),
            process: Mutex::default(),
            outliving: Arc::default(),
            realm,
            registered: spec.registered.clone(),
            is_registered: AtomicBool::new(false),
            position,
        }
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        self.realm.emit(|| Event { child: Arc::clone(&self.name), kind });
    }

    pub(crate) fn realm(&self) -> &Realm {
        &self.realm
    }

    pub(crate) fn place(&self) -> Place {
        self.position.place
    }

    /// Its name in the whole tree, if it has one.
    pub(crate) fn registered(&self) -> Option<&Arc<str>> {
        self.registered.as_ref()
    }

    /// Takes its name in the whole tree, if it has one; the error is that name.
    pub(crate) fn register(self: &Arc<Self>) -> Result<(), Arc<str>> {
        let Some(name) = &self.registered else { return Ok(()) };
        let shared: Weak<dyn Shared<W>> = Arc::<Self>::downgrade(self);
        let handle = WeakHandle::new(shared);
        if !self.realm.register(name, handle) {
            return Err(Arc::clone(name));
        }
        self.is_registered.store(true, Ordering::Relaxed);
        Ok(())
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
        let before = self.lock_process().replace(Arc::clone(&process));
        drop(before);
        self.roster.update(|roster| {
            roster.served = false;
            roster.enter(Status::Starting(incarnation));
        });
        process
    }

    /// It has been started: it may already be serving, or be over.
    pub(crate) fn started(&self, incarnation: u64, task: AbortHandle) {
        if let Some(process) = self.process().filter(|process| process.incarnation() == incarnation) {
            process.runs_as(task);
        }
    }

    /// The newest incarnation, as others see it.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.lock_process().clone()
    }

    fn lock_process(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the newest incarnation has ended, if it has: also when its task was aborted, and could not say so itself.
    pub(crate) fn exit_reason(&self) -> Option<ExitReason> {
        self.process()?.reason()
    }

    /// An incarnation has its tables, and its hooks have succeeded.
    pub(crate) fn serving(&self, incarnation: u64) {
        // One that was left behind has no say any more.
        let is_newest = self.newest() == incarnation;
        let current = self.roster.update(|roster| {
            let current = is_newest && roster.enter(Status::Serving(incarnation));
            roster.served |= current;
            current
        });
        if current {
            self.emit(EventKind::Serving { incarnation });
        }
    }

    /// The incarnation has ended; another one may follow.
    pub(crate) fn down(&self) {
        self.roster.update(|roster| roster.enter(Status::Down));
    }

    /// The incarnation does not yield to the runtime: what it holds stays with it until it does, and the caller of the message it
    /// serves is told. Once is enough; of one that is not at work any more there is nothing to say.
    pub(crate) fn unresponsive(&self, incarnation: u64) {
        let is_news = self.roster.update(|roster| {
            let is_at_work =
                matches!(&roster.status, Status::Starting(n) | Status::Serving(n) if *n == incarnation);
            is_at_work && roster.enter(Status::Unresponsive(incarnation))
        });
        if is_news {
            self.mailbox.abandon(incarnation);
            self.emit(EventKind::Unresponsive { role: Role::Worker });
        }
    }

    /// None follows before it is asked for.
    pub(crate) fn enter_terminated(&self) {
        self.roster.update(|roster| {
            roster.served = false;
            roster.enter(Status::Terminated);
        });
    }

    /// The number of the incarnation started last.
    pub(crate) fn newest(&self) -> u64 {
        self.process().map_or(0, |process| process.incarnation())
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
        self.mailbox.close(why);
    }

    /// Worker and manager are gone for good, or never were: the tables can be claimed. Returns why, unless this was so before: the
    /// reason for which it was closed first.
    pub(crate) fn retire(&self, why: &Stopped) -> Option<Stopped> {
        if self.is_retired() {
            return None;
        }
        self.vacate(why);
        self.estate.settle();
        self.estate.release();
        self.stopped()
    }

    /// As [`retire`](Self::retire), but the tables are another worker's now.
    pub(crate) fn hand_over(&self) -> Option<Stopped> {
        if self.is_retired() {
            return None;
        }
        self.vacate(&Stopped::Upgraded);
        self.stopped()
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.roster.read(|roster| matches!(roster.status, Status::Stopped(_)))
    }

    fn vacate(&self, why: &Stopped) {
        self.close(why);
        self.outliving.stop();
        drop(self.vacancy.update(Option::take));
        if let Some(name) = &self.registered
            && self.is_registered.swap(false, Ordering::Relaxed)
        {
            self.realm.unregister(name);
        }
    }

    /// The last word: whoever waits for the end may now look at what is left.
    fn stopped(&self) -> Option<Stopped> {
        let why = self.mailbox.why_closed();
        let first = self.roster.update(|roster| {
            roster.manager = None;
            roster.enter(Status::Stopped(why.clone()))
        });
        first.then_some(why)
    }

    /// Reads the tables that another worker has left, if there are any.
    pub(crate) fn read_what_is_there(&self) {
        if let Some(readers) = self.estate.look(readers_of::<W>) {
            let before = self.exchange_readers(readers);
            drop(before);
        }
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
                _ => None,
            })
            .await
    }

    /// Waits until the incarnation started last serves, even if it has ended since.
    pub(crate) async fn until_up(&self) {
        self.roster.until(|roster| roster.served.then_some(())).await;
    }

    pub(crate) fn has_served(&self) -> bool {
        self.roster.read(|roster| roster.served)
    }

    /// Waits until none will serve any more.
    pub(crate) async fn until_stopped(&self) -> Stopped {
        self.roster
            .until(|roster| match &roster.status {
                Status::Stopped(why) => Some(why.clone()),
                _ => None,
            })
            .await
    }

    /// What the worker does instead of serving: `None` while an incarnation serves.
    pub(crate) fn not_serving(&self) -> Option<Status> {
        self.roster.read(Roster::not_serving)
    }

    /// Waits until no incarnation serves, and says what the worker does instead.
    pub(crate) async fn until_not_serving(&self) -> Status {
        self.roster.until(|roster| roster.not_serving()).await
    }

    /// Waits until no incarnation has served for this long, all in all, from now on: for a worker of
    /// [`WhileDown::WaitFor`], as the time is counted for no other.
    pub(crate) async fn until_down_for(&self, bound: Duration) {
        let end = self.roster.read(Roster::downtime).saturating_add(bound);
        loop {
            let left =
                |roster: &mut Roster| (!roster.serves()).then(|| end.saturating_sub(roster.downtime()));
            let left = self.roster.until(left).await;
            if left.is_zero() {
                return;
            }
            let served = self.roster.until(|roster| roster.serves().then_some(()));
            // Whichever it was, the roster has counted.
            let _ = timeout(left, served).await;
        }
    }

    /// Asks the supervisor for something that concerns this worker.
    pub(crate) fn ask(&self, what: Ask) {
        self.position.superior.ask(self.position.place, what);
    }

    pub(crate) fn readers(&self) -> Readers {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn exchange_readers(&self, readers: Readers) -> Readers {
        std::mem::replace(&mut *self.readers.write().unwrap_or_else(PoisonError::into_inner), readers)
    }

    /// Parks tables, and has `readers` read the ones that take their place.
    pub(crate) fn park(&self, parked: Quarantined<W::Tables>, readers: Readers) {
        let before = self.exchange_readers(readers);
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
            Self::Terminated => f.write_str("terminated"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
