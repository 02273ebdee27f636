//! The post of a worker: what stays while its incarnations, and its managers, come and go.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use crate::estate::quarantine::Quarantined;
use crate::estate::{Estate, Incoming, Recipient};
use crate::mailbox::Mailbox;
use crate::process::Outliving;
use crate::process::Process;
use crate::process::exit::{Exit, ExitReason};
use crate::process::status::Stopped;
use crate::table::Readers;
use crate::tree::events::{Event, EventKind, Role};
use crate::tree::parent::{ChildId, ParentRef, ParentRequest};
use crate::tree::registry::Registry;
use crate::util::caught::{PanicMessage, drop_caught};
use crate::util::sync::WatchOne;
use crate::worker::Handlers;
use crate::worker::Settings;
use crate::worker::Spec;
use crate::worker::WhileDown;
use crate::worker::handle::WeakHandle;
use crate::worker::lifecycle::Lifecycle;
use crate::worker::on_call::{Dismissal, OnCall};
use crate::worker::readers_of;
use crate::worker::written;

/// What a worker's handle, its incarnations, its manager and its supervisor share.
pub(crate) struct Shared<W: Handlers> {
    pub(crate) name: Arc<str>,
    pub(crate) estate: Estate<W::Tables>,
    pub(crate) mailbox: Mailbox<W::Message>,
    /// Many of one kind share them.
    pub(crate) settings: Arc<Settings>,
    /// Of the tables that are, or will be, in the estate.
    readers: RwLock<Readers>,
    quarantine: Mutex<Option<Parked<W::Tables>>>,
    /// What had been [`written`] to the tables when they were new; `UNKNOWN` for tables that were
    /// another worker's.
    new_at: AtomicU64,
    /// Where an incarnation waits for its tables.
    vacancy: WatchOne<Option<Recipient<W::Tables>>>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) on_call: OnCall<W>,
    /// The newest incarnation, also when it has ended.
    process: Mutex<Option<Arc<Process>>>,
    /// How many incarnations in a row have died in a way that speaks against the tables.
    suspicions: AtomicU32,
    /// The last incarnation whose tables have been looked at after its end.
    examined: AtomicU64,
    /// What incarnations have left running.
    outliving: Arc<Outliving>,
    registry: Registry,
    /// Its name in the whole tree.
    registered: Option<Arc<str>>,
    /// Whether it has that: another worker may.
    is_registered: AtomicBool,
    position: ParentRef,
}

const UNKNOWN: u64 = u64::MAX;

/// Tables that have been parked, oldest first. In a box: most have none.
type Parked<T> = Box<Vec<Quarantined<T>>>;

/// A post behind a handle. Through it a handle is `Send` and `Sync` without a look at what its worker's messages and tables hold:
/// that may be the same handle.
pub(crate) trait AnyShared<W: Handlers>: Send + Sync {
    fn shared(&self) -> &Shared<W>;
}

impl<W: Handlers> AnyShared<W> for Shared<W> {
    fn shared(&self) -> &Self {
        self
    }
}

impl<W: Handlers> Deref for dyn AnyShared<W> {
    type Target = Shared<W>;

    fn deref(&self) -> &Shared<W> {
        self.shared()
    }
}

impl<W: Handlers> Shared<W> {
    /// The post of a worker whose tables do not exist yet, or, if there is an `estate`, are in that.
    pub(crate) fn new(
        spec: &Spec<W>,
        settings: Arc<Settings>,
        estate: Option<Estate<W::Tables>>,
        position: ParentRef,
        registry: Registry,
    ) -> Self {
        let name = Arc::clone(&spec.name);
        Self {
            estate: estate.unwrap_or_else(|| Estate::managed(Arc::clone(&name))),
            mailbox: Mailbox::new(Arc::clone(&name), spec.settings.mailbox, spec.on_undelivered.clone()),
            settings,
            readers: RwLock::new(W::readers()),
            quarantine: Mutex::default(),
            new_at: AtomicU64::new(UNKNOWN),
            vacancy: WatchOne::new(None),
            lifecycle: Lifecycle::new(matches!(spec.settings.while_down, WhileDown::WaitFor(_))),
            name,
            suspicions: AtomicU32::new(0),
            examined: AtomicU64::new(0),
            on_call: OnCall::default(),
            process: Mutex::default(),
            outliving: Arc::default(),
            registry,
            registered: spec.registered.clone(),
            is_registered: AtomicBool::new(false),
            position,
        }
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        self.registry.emit(|| Event { child: Arc::clone(&self.name), kind });
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn id(&self) -> ChildId {
        self.position.id
    }

    /// Its name in the whole tree, if it has one.
    pub(crate) fn registered(&self) -> Option<&Arc<str>> {
        self.registered.as_ref()
    }

    /// Takes its name in the whole tree, if it has one; the error is that name.
    pub(crate) fn register(self: &Arc<Self>) -> Result<(), Arc<str>> {
        let Some(name) = &self.registered else { return Ok(()) };
        let shared: Weak<dyn AnyShared<W>> = Arc::<Self>::downgrade(self);
        let handle = WeakHandle::new(shared);
        if !self.registry.register(name, handle) {
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

    /// A new incarnation is about to be started.
    pub(crate) fn begin(&self, incarnation: u64) -> Arc<Process> {
        let process = Arc::new(Process::new(&self.name, incarnation, W::TRAPS_EXITS, &self.outliving));
        let before = self.lock_process().replace(Arc::clone(&process));
        drop(before);
        self.lifecycle.starting(incarnation);
        process
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
        if self.newest() == incarnation && self.lifecycle.serving(incarnation) {
            self.emit(EventKind::Serving { incarnation });
        }
    }

    /// The incarnation does not yield to the runtime: what it holds stays with it until it does, and the caller of the message it
    /// serves is told. Once is enough; of one that is not at work any more there is nothing to say.
    pub(crate) fn unresponsive(&self, incarnation: u64) {
        if self.lifecycle.unresponsive(incarnation) {
            self.mailbox.abandon(incarnation);
            self.emit(EventKind::Unresponsive { role: Role::Worker });
        }
    }

    /// The number of the incarnation started last.
    pub(crate) fn newest(&self) -> u64 {
        self.lock_process().as_ref().map_or(0, |process| process.incarnation())
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

    /// No incarnation will follow: senders are told. The tables stay in the estate.
    pub(crate) fn close(&self, why: &Stopped) {
        self.mailbox.close(why);
    }

    /// Worker and manager are gone for good, or never were: the tables can be claimed. Returns why, unless this was so before: the
    /// reason for which it was closed first.
    pub(crate) fn retire(&self, why: &Stopped) -> Option<Stopped> {
        if self.lifecycle.is_stopped() {
            return None;
        }
        self.vacate(why);
        self.estate.settle();
        self.estate.release();
        self.stopped()
    }

    /// As [`retire`](Self::retire), but the tables are another worker's now.
    pub(crate) fn hand_over(&self, why: &Stopped) -> Option<Stopped> {
        if self.lifecycle.is_stopped() {
            return None;
        }
        self.vacate(why);
        self.stopped()
    }

    fn vacate(&self, why: &Stopped) {
        self.close(why);
        // After an orderly end there is none.
        self.on_call.dismiss();
        self.outliving.stop();
        drop(self.vacancy.update(Option::take));
        if let Some(name) = &self.registered
            && self.is_registered.swap(false, Ordering::Relaxed)
        {
            self.registry.unregister(name, |handle: &WeakHandle<W>| handle.is_of(self));
        }
    }

    /// The last word: whoever waits for the end may now look at what is left.
    fn stopped(&self) -> Option<Stopped> {
        let why = self.mailbox.why_closed();
        let first = self.lifecycle.stopped(why.clone());
        first.then_some(why)
    }

    /// Reads the tables that another worker has left, if there are any.
    pub(crate) fn read_what_is_there(&self) {
        match self.estate.look(readers_of::<W>) {
            Some(Ok(readers)) => {
                let before = self.exchange_readers(readers);
                drop(before);
            }
            Some(Err(message)) => self.emit(EventKind::CodePanicked { message }),
            None => {}
        }
    }

    /// A worker written by hand has panicked where it may only move its tables, and has dropped them: nobody will have them, so
    /// none follows, and everybody is told.
    pub(crate) fn tables_lost(&self, message: PanicMessage) {
        self.emit(EventKind::CodePanicked { message: Arc::clone(&message) });
        self.ask(ParentRequest::Stop(Stopped::Ended(ExitReason::Panic(message))));
    }

    /// Aborts the incarnation that lives, once.
    pub(crate) fn kill_worker(&self) -> Option<u64> {
        let process = self.process()?;
        process.kill(ExitReason::Killed).then(|| process.incarnation())
    }

    /// Kills the manager that lives, once.
    pub(crate) fn kill_manager(&self) -> bool {
        let dismissal = self.on_call.dismiss();
        if let Dismissal::Gone(life) = dismissal {
            self.manager_ended(life, ExitReason::Killed);
        }
        dismissal != Dismissal::Nobody
    }

    /// Asks the supervisor for something that concerns this worker.
    pub(crate) fn ask(&self, what: ParentRequest) {
        self.position.parent.ask(self.position.id, what);
    }

    pub(crate) fn manager_ended(&self, life: u64, reason: ExitReason) {
        self.position.parent.manager_ended(self.position.id, life, reason);
    }

    pub(crate) fn readers(&self) -> Readers {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn exchange_readers(&self, readers: Readers) -> Readers {
        std::mem::replace(&mut *self.readers.write().unwrap_or_else(PoisonError::into_inner), readers)
    }

    /// These tables have just been created.
    pub(crate) fn tables_are_new(&self, tables: &mut W::Tables) {
        self.new_at.store(written::<W>(tables).unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Whether nobody has written to these tables since they were created. If that cannot be known,
    /// somebody has.
    pub(crate) fn are_unwritten(&self, tables: &mut W::Tables) -> bool {
        written::<W>(tables).is_some_and(|written| written == self.new_at.load(Ordering::Relaxed))
    }

    /// Parks tables, and has `readers` read the ones that take their place.
    pub(crate) fn park(&self, parked: Quarantined<W::Tables>, readers: Readers) {
        let before = self.exchange_readers(readers);
        drop(before);
        self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().push(parked);
    }

    /// The tables that were parked, oldest first.
    pub(crate) fn take_quarantined(&self) -> Vec<Quarantined<W::Tables>> {
        let parked = self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).take();
        parked.map(|parked| *parked).unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn quarantined(&self) -> usize {
        self.quarantine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map_or(0, |parked| parked.len())
    }
}

impl<W: Handlers> Drop for Shared<W> {
    fn drop(&mut self) {
        // Whoever lets go of it last, a supervisor or the user, is no place for a panic of what has been parked.
        for parked in self.take_quarantined() {
            let _ = drop_caught(parked);
        }
    }
}
