//! The shared state of a worker, which stays while its incarnations and its managers come and go.
//!
//! Two of its traits are implemented by those who use them: `Wake` in `manager/mod.rs` (the estate
//! calls the manager that is on call) and `Node` in `supervisor/child/worker.rs` (the supervisor
//! sees the worker as one of its children).

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::estate::{Estate, Examined, Incoming, Quarantined, Recipient};
use crate::mailbox::{Mailbox, OpenReplies};
use crate::process::Outliving;
use crate::process::Process;
use crate::process::exit::{Exit, ExitReason};
use crate::process::status::Stopped;
#[cfg(feature = "store")]
use crate::store::{StoreError, ledger::Ledger};
use crate::table::Readers;
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::{ChildId, ParentRef, ParentRequest};
use crate::tree::registry::Registry;
use crate::util::caught::{PanicMessage, drop_caught};
use crate::util::meter;
use crate::util::ours::{are_noted, is_witnessed, tell_noted};
#[cfg(feature = "testing")]
use crate::util::plan::Plan;
use crate::util::span::{Span, spans_may_be_wanted};
use crate::util::sync::{Lock, WatchOne};
use crate::worker::Handlers;
use crate::worker::Settings;
use crate::worker::Spec;
use crate::worker::WhileDown;
use crate::worker::clock::Clock;
#[cfg(feature = "store")]
use crate::worker::gates::{Gated, Gates};
use crate::worker::lifecycle::Lifecycle;
use crate::worker::on_call::{Dismissal, OnCall};
use crate::worker::tables;

/// What a worker's handles, its incarnations, its manager and its supervisor share.
pub(crate) struct Shared<W: Handlers> {
    pub(crate) name: Arc<str>,
    pub(crate) estate: Estate<W::Tables>,
    pub(crate) mailbox: Mailbox<W::Message>,
    /// Workers with equal settings under one supervisor share them.
    pub(crate) settings: Arc<Settings>,
    /// Readers of the tables that are, or will be, in the estate.
    readers: Lock<Readers>,
    quarantine: Lock<Option<Parked<W::Tables>>>,
    /// The boundary of the tables when they were new; [`UNKNOWN`] if not all of them are recorded.
    new_at: AtomicU64,
    /// The recipient of an incarnation that waits for its tables.
    vacancy: WatchOne<Option<Recipient<W::Tables>>>,
    pub(crate) lifecycle: Lifecycle,
    /// The worker's clock, if it has ticks.
    pub(crate) clock: Option<Box<Clock<W::Message>>>,
    pub(crate) on_call: OnCall<W>,
    /// Made with the first reply that comes later.
    replies: OnceLock<Arc<OpenReplies>>,
    /// The newest incarnation, also when it has ended, and when it was started.
    process: Lock<Option<(Arc<Process>, Instant)>>,
    /// How many incarnations in a row have died in a way that speaks against the tables.
    suspicions: AtomicU32,
    /// The number of the last incarnation whose tables the manager has verified after its end.
    examined: AtomicU64,
    /// Whether the tables were loaded from a store, and no manager has verified them yet.
    #[cfg(feature = "store")]
    is_loaded: AtomicBool,
    /// The number of the last incarnation whose end by a panic has been told.
    told: AtomicU64,
    /// Attachments that outlive the incarnations that made them.
    outliving: Arc<Outliving>,
    registry: Registry,
    /// The span of a hand-over in progress, if anybody watches.
    handover: Lock<Option<Arc<Span>>>,
    /// The worker's name in the whole tree, if its spec has one.
    registered: Option<Arc<str>>,
    /// Whether the worker holds that name: another worker may.
    is_registered: AtomicBool,
    /// What waits for the store, if the worker's tables are in one.
    #[cfg(feature = "store")]
    pub(crate) gates: Option<Arc<Gates<W>>>,
    parent: ParentRef,
    /// Whether a handle has asked the worker to stop for good.
    is_asked_to_stop: AtomicBool,
    /// The deaths that a test has asked for.
    #[cfg(feature = "testing")]
    pub(crate) deaths: OnceLock<Arc<Plan>>,
}

const UNKNOWN: u64 = u64::MAX;

/// Parked tables, oldest first. In a box, because most workers have none.
type Parked<T> = Box<Vec<Quarantined<T>>>;

/// The shared state behind a handle. Through this trait a handle is `Send` and `Sync` without a
/// look at the fields of the worker's messages and tables: one of them may be the same handle.
pub(crate) trait HandleTarget<W: Handlers>: Send + Sync {
    fn shared(&self) -> &Shared<W>;
}

/// The shared state behind a weak handle, and under a registered name.
pub(crate) type WeakTarget<W> = Weak<dyn HandleTarget<W>>;

impl<W: Handlers> HandleTarget<W> for Shared<W> {
    fn shared(&self) -> &Self {
        self
    }
}

#[cfg(feature = "store")]
impl<W: Handlers> Gated for Shared<W> {
    fn readers(&self) -> Readers {
        Self::readers(self)
    }

    fn ask_for_restart(&self) {
        self.ask(ParentRequest::Restart);
    }

    fn tell_failure(&self, error: &StoreError) {
        self.emit(EventKind::StoreFailed { error: Arc::from(error.to_string()) });
    }

    fn tell_panic(&self, message: PanicMessage) {
        self.emit(EventKind::CodePanicked { message });
    }

    fn give_up(self: Arc<Self>) {
        if let Some(worker) = Arc::into_inner(self) {
            let _ = std::thread::Builder::new().spawn(move || drop(worker));
        }
    }
}

impl<W: Handlers> Deref for dyn HandleTarget<W> {
    type Target = Shared<W>;

    fn deref(&self) -> &Shared<W> {
        self.shared()
    }
}

/// Whether no hand-over is in progress after this event.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as `emit`")]
fn ends_handover(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Serving { .. }
            | EventKind::Terminated
            | EventKind::GaveUpOn { .. }
            | EventKind::Retired { .. }
            | EventKind::Upgraded
    )
}

impl<W: Handlers> Shared<W> {
    /// Makes the shared state of a new worker. Its tables are in `estate`; without one they do not
    /// exist yet.
    pub(crate) fn new<A>(
        spec: &Spec<W, A>,
        settings: Arc<Settings>,
        estate: Option<Estate<W::Tables>>,
        parent: ParentRef,
        registry: Registry,
    ) -> Self {
        let name = Arc::clone(&spec.name);
        let readers = W::readers();
        #[cfg(feature = "store")]
        let gates = W::IS_STORED.then(|| {
            let (ledger, before) = spec.ledger.clone().unzip();
            Gates::new(ledger.unwrap_or_else(Ledger::new), before)
        });
        #[cfg(feature = "store")]
        let readers = match &gates {
            None => readers,
            Some(gates) => readers.kept_by(Arc::<Ledger>::clone(gates.ledger())),
        };
        Self {
            estate: estate.unwrap_or_else(|| Estate::managed(Arc::clone(&name))),
            mailbox: Mailbox::new(
                Arc::clone(&name),
                W::NAME,
                spec.settings.mailbox,
                spec.on_undelivered.clone(),
            ),
            settings,
            readers: Lock::new(match &spec.journal {
                None => readers,
                Some(journal) => readers.kept_by(Arc::clone(journal)),
            }),
            #[cfg(feature = "store")]
            gates,
            quarantine: Lock::default(),
            new_at: AtomicU64::new(UNKNOWN),
            vacancy: WatchOne::new(None),
            lifecycle: Lifecycle::new(matches!(spec.settings.while_down, WhileDown::WaitFor(_))),
            clock: Clock::of(W::TICKS, &spec.ticks()),
            name,
            suspicions: AtomicU32::new(0),
            examined: AtomicU64::new(0),
            #[cfg(feature = "store")]
            is_loaded: AtomicBool::new(false),
            told: AtomicU64::new(0),
            on_call: OnCall::default(),
            replies: OnceLock::new(),
            process: Lock::default(),
            outliving: Arc::default(),
            registry,
            handover: Lock::default(),
            registered: spec.registered.clone(),
            is_registered: AtomicBool::new(false),
            parent,
            is_asked_to_stop: AtomicBool::new(false),
            #[cfg(feature = "testing")]
            deaths: spec.deaths.clone().map(OnceLock::from).unwrap_or_default(),
        }
    }

    /// Tells `tracing` and the tree's observers of an event of this worker. Between a death and the next
    /// incarnation that serves, it is in the span of the hand-over.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the kind is known where it is told, so little is left of this")]
    pub(crate) fn emit(&self, kind: EventKind) {
        let is_over = ends_handover(&kind);
        // A hand-over ends also if nobody hears of its end, because the level was changed meanwhile.
        let is_wanted = self.registry.is_heard(&kind) || meter::are_recorded();
        if is_wanted || (is_over && self.handover().is_some()) {
            self.tell(kind, is_over);
        }
    }

    #[cold]
    fn tell(&self, kind: EventKind, is_over: bool) {
        match &kind {
            EventKind::Restarting { role, .. } => meter::restarted(W::NAME, role.word()),
            EventKind::Redelivers { handler, .. } => meter::redelivered(W::NAME, handler),
            _ => {}
        }
        let handover = if is_over { self.handover.take() } else { self.handover() };
        let _in_the_span = handover.as_ref().map(|handover| handover.enter());
        self.registry.emit_after(&self.name, kind, |kind| self.is_told(kind));
    }

    /// The span of the hand-over in progress, if anybody watches.
    pub(crate) fn handover(&self) -> Option<Arc<Span>> {
        self.handover.with(|handover| handover.clone())
    }

    /// The names of all supervisors above the worker, and its own: `app/shop/stock`.
    pub(crate) fn path(&self) -> Arc<str> {
        self.registry.path_of(&self.name)
    }

    /// An owner of the tables has died. If anybody wants to know, there is a span from here until one
    /// serves; it is a child of the span of the message over which the owner has died. If none has
    /// served since the last death, that one's span goes on.
    pub(crate) fn begins_handover(&self, incarnation: u64) {
        if !spans_may_be_wanted() || self.handover().is_some() {
            return;
        }
        let span = Span::new(|| {
            let (worker, path) = (&*self.name, &*self.path());
            tracing::debug_span!(target: "heir", "handover", worker, path, incarnation)
        });
        self.handover.set(span.map(Arc::new));
        // The task was left behind: what ends a hand-over has been told, and would not end this one.
        if self.lifecycle.is_over() {
            drop(self.handover.take());
        }
    }

    /// The panic by which this incarnation ends has been told.
    pub(crate) fn panic_told(&self, incarnation: u64) {
        self.told.store(incarnation, Ordering::Relaxed);
    }

    /// Whether an event follows from a panic that has been told. What has been noted of a panic that
    /// ends no task is told here, before the event.
    fn is_told(&self, kind: &EventKind) -> bool {
        let told = self.told.load(Ordering::Relaxed);
        match kind {
            EventKind::Regained { exit } => exit.incarnation == told && exit.reason.is_panic(),
            EventKind::Restarting { role: Role::Worker, reason } => {
                self.newest() == told && reason.is_panic()
            }
            EventKind::Restarting { role: Role::Manager, reason } => are_noted() && reason.is_panic(),
            EventKind::CodePanicked { .. } => {
                tell_noted();
                is_witnessed()
            }
            _ => false,
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The worker's number among the children of its supervisor.
    pub(crate) fn id(&self) -> ChildId {
        self.parent.id
    }

    /// The worker's name in the whole tree, if its spec has one.
    pub(crate) fn registered(&self) -> Option<&Arc<str>> {
        self.registered.as_ref()
    }

    /// Registers the worker in its tree, if its spec has a name for that. The error is that name,
    /// which another worker holds.
    pub(crate) fn register(self: &Arc<Self>) -> Result<(), Arc<str>> {
        let Some(name) = &self.registered else { return Ok(()) };
        let target: WeakTarget<W> = Arc::<Self>::downgrade(self);
        if !self.registry.register(name, target) {
            return Err(Arc::clone(name));
        }
        self.is_registered.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Lets the manager know that this incarnation waits for its tables. They arrive at the end
    /// that is returned.
    pub(crate) fn wait_for_tables(&self, incarnation: u64) -> Incoming<W::Tables> {
        let (recipient, incoming) = self.estate.recipient_for(&self.name, incarnation);
        // An incarnation that waited before is dead: the supervisor starts one at a time.
        drop(self.vacancy.update(|waiting| waiting.replace(recipient)));
        incoming
    }

    /// The manager waits here for an incarnation that waits for its tables.
    pub(crate) async fn next_recipient(&self) -> Recipient<W::Tables> {
        self.vacancy.until(Option::take).await
    }

    /// Makes the process of a new incarnation, which the supervisor is about to start.
    pub(crate) fn begin(&self, incarnation: u64) -> Arc<Process> {
        let process = Arc::new(Process::new(&self.name, incarnation, W::TRAPS_EXITS, &self.outliving));
        self.process.set(Some((Arc::clone(&process), Instant::now())));
        self.lifecycle.starting(incarnation);
        process
    }

    /// The newest incarnation, alive or ended.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.process.with(|newest| newest.as_ref().map(|(process, _)| Arc::clone(process)))
    }

    /// How long the newest incarnation has been alive: `None` once its end has a reason.
    pub(crate) fn age(&self) -> Option<Duration> {
        let (process, since) = self.process.with(|newest| newest.clone())?;
        process.reason().is_none().then(|| since.elapsed())
    }

    /// Why the newest incarnation has ended, if it has: also when its task was aborted, and could
    /// not return its reason.
    pub(crate) fn exit_reason(&self) -> Option<ExitReason> {
        self.process()?.reason()
    }

    /// An incarnation has its tables, its start hooks have succeeded, and it serves from here on.
    pub(crate) fn serving(&self, incarnation: u64) {
        if self.lifecycle.serving(incarnation) {
            if let Some(clock) = &self.clock {
                clock.goes_on();
            }
            self.emit(EventKind::Serving { incarnation });
        }
    }

    /// An incarnation does not yield to the runtime: it keeps its tables until it does, and the
    /// caller of its message is told. Only the first report of an incarnation that is starting or
    /// serving counts.
    pub(crate) fn unresponsive(&self, incarnation: u64) {
        if self.lifecycle.unresponsive(incarnation) {
            self.mailbox.abandon(incarnation);
            self.emit(EventKind::Unresponsive { role: Role::Worker, incarnation: Some(incarnation) });
        }
    }

    /// The number of the incarnation started last.
    pub(crate) fn newest(&self) -> u64 {
        self.process.with(|newest| newest.as_ref().map_or(0, |(process, _)| process.incarnation()))
    }

    /// An incarnation has died before it has shown that it can live with its tables.
    pub(crate) fn tables_suspected(&self) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
    }

    /// An incarnation has shown that it can live with its tables, or they have been made anew.
    pub(crate) fn tables_cleared(&self) {
        self.suspicions.store(0, Ordering::Relaxed);
    }

    /// How many incarnations in a row have died in a way that speaks against the tables.
    pub(crate) fn suspicions(&self) -> u32 {
        self.suspicions.load(Ordering::Relaxed)
    }

    /// What is to be verified, now that an incarnation waits for the tables; `None` if that has been done. A
    /// manager may die after it has, and the next one must not verify them again.
    pub(crate) fn to_examine(&self, exit: Option<Exit>) -> Option<Examined> {
        match exit {
            Some(exit) => {
                (self.examined.load(Ordering::Relaxed) < exit.incarnation).then(|| Examined::after(exit))
            }
            #[cfg(feature = "store")]
            None => self.is_loaded.load(Ordering::Relaxed).then(Examined::loaded),
            #[cfg(not(feature = "store"))]
            None => None,
        }
    }

    /// The manager has verified the tables.
    pub(crate) fn examined(&self, examined: &Examined) {
        if let Some(exit) = examined.exit() {
            self.examined.store(exit.incarnation, Ordering::Relaxed);
        }
        #[cfg(feature = "store")]
        self.is_loaded.store(false, Ordering::Relaxed);
    }

    /// The tables have been loaded from a store.
    #[cfg(feature = "store")]
    pub(crate) fn tables_are_loaded(&self) {
        self.is_loaded.store(true, Ordering::Relaxed);
    }

    /// What the tables were when they were verified, they are not any more.
    #[cfg(feature = "store")]
    pub(crate) fn examined_none(&self) {
        self.examined.store(0, Ordering::Relaxed);
    }

    /// Closes the mailbox, because no incarnation will follow: senders are told. The tables stay in
    /// the estate.
    pub(crate) fn close(&self, why: &Stopped) {
        self.mailbox.close(why);
    }

    /// Refuses messages until the worker is started again, because its supervisor gives up on it.
    pub(crate) fn refuse(&self, reason: &ExitReason) {
        self.mailbox.close_for_now(&Stopped::GaveUp(reason.clone()));
    }

    /// The supervisor has given up on the worker, which is down with its manager: whoever waits for
    /// one of its replies is told.
    pub(crate) fn gave_up(&self, reason: &ExitReason) {
        self.stand_still();
        self.estate.settle();
        // Also for an incarnation that was left behind, and takes its first reply later.
        self.replies.get_or_init(Arc::default).close(&Stopped::GaveUp(reason.clone()));
        self.lifecycle.gave_up(reason.clone());
    }

    /// Why the supervisor gives up on the worker, or has given up on it, if that is so.
    pub(crate) fn given_up(&self) -> Option<ExitReason> {
        match self.mailbox.closed_for_now() {
            Some(Stopped::GaveUp(reason)) => Some(reason),
            _ => None,
        }
    }

    /// A worker on which its supervisor had given up is about to be started again.
    pub(crate) fn reopen(&self) {
        self.reopen_replies();
        self.mailbox.reopen();
    }

    /// Replies that come later can be taken again.
    pub(crate) fn reopen_replies(&self) {
        if let Some(replies) = self.replies.get() {
            replies.reopen();
        }
    }

    /// Ends the worker when it and its manager are gone for good, or were never started: its tables
    /// can be claimed. Returns the reason for which its mailbox was closed first; `None` if it had
    /// been retired before.
    pub(crate) fn retire(&self, why: &Stopped) -> Option<Stopped> {
        if self.lifecycle.is_stopped() {
            return None;
        }
        self.vacate(why);
        self.estate.settle();
        self.estate.release();
        // Who waits for the end finds all callers told. Once more after it, because an incarnation that
        // was left behind may take its first reply meanwhile: see `open_replies`.
        self.close_replies(why);
        let stopped = self.stopped();
        self.close_replies(why);
        stopped
    }

    /// As [`retire`](Self::retire), but the tables go to another worker.
    pub(crate) fn hand_over(&self, why: &Stopped) -> Option<Stopped> {
        if self.lifecycle.is_stopped() {
            return None;
        }
        self.vacate(why);
        self.stopped()
    }

    /// The replies that come later. If the worker has stopped for good before it had any, they are
    /// closed; if another has taken over, they are that worker's.
    pub(crate) fn open_replies(&self) -> Arc<OpenReplies> {
        let replies = self.replies.get_or_init(Arc::default);
        if self.lifecycle.is_stopped()
            && let why = self.mailbox.why_closed()
            && why != Stopped::Upgraded
        {
            replies.close(&why);
        }
        Arc::clone(replies)
    }

    /// Tells all callers who wait for a reply that comes later.
    fn close_replies(&self, why: &Stopped) {
        if let Some(replies) = self.replies.get() {
            replies.close(why);
        }
    }

    /// How many callers wait for a reply that comes later.
    pub(crate) fn replies_owed(&self) -> usize {
        self.replies.get().map_or(0, |replies| replies.count())
    }

    /// Gives up the mailbox, the manager, the attachments and the name.
    fn vacate(&self, why: &Stopped) {
        self.close(why);
        // After an orderly end there is no manager.
        self.on_call.dismiss();
        self.outliving.stop();
        if let Some(clock) = &self.clock {
            clock.stop();
        }
        drop(self.vacancy.update(Option::take));
        if let Some(name) = &self.registered
            && self.is_registered.swap(false, Ordering::Relaxed)
        {
            self.registry.unregister(name, |target: &WeakTarget<W>| std::ptr::addr_eq(target.as_ptr(), self));
        }
    }

    /// Wakes everybody who waits for the worker's end: all else is done.
    fn stopped(&self) -> Option<Stopped> {
        let why = self.mailbox.why_closed();
        let first = self.lifecycle.stopped(why.clone());
        first.then_some(why)
    }

    /// Is to take the place of `predecessor`: shares its open replies, which may lie in the tables,
    /// and notes its clock.
    pub(crate) fn follow<P: Handlers>(&self, predecessor: &Shared<P>) {
        let _ = self.replies.set(predecessor.open_replies());
        if let (Some(clock), Some(before)) = (&self.clock, &predecessor.clock) {
            clock.follow(before);
        }
    }

    /// Takes over the time of the worker whose place this one takes.
    pub(crate) fn take_over_time(&self) {
        if let Some(clock) = &self.clock {
            clock.take_over();
        }
    }

    /// The worker is down until somebody asks for it: its time stands still.
    pub(crate) fn stand_still(&self) {
        if let Some(clock) = &self.clock {
            clock.stands_still();
        }
    }

    /// Has this worker's readers read the tables that another worker has left, if there are any.
    pub(crate) fn read_what_is_there(&self) {
        match self.estate.look(tables::readers_of::<W>) {
            #[cfg(feature = "store")]
            Some(Ok(readers)) if let Some(before) = self.gates.as_ref().and_then(|gates| gates.before()) => {
                self.readers.set(readers.with_values_of(&W::readers(), &before));
            }
            Some(Ok(readers)) => self.readers.set(readers),
            Some(Err(message)) => self.emit(EventKind::CodePanicked { message }),
            None => {}
        }
    }

    /// Stops a worker whose tables are lost: it was written by hand, and panicked where it may only
    /// move them. No incarnation follows, and everybody is told.
    pub(crate) fn tables_lost(&self, message: PanicMessage) {
        self.emit(EventKind::CodePanicked { message: Arc::clone(&message) });
        self.ask(ParentRequest::Stop(Stopped::Ended(ExitReason::Panic(message))));
    }

    /// Kills the living incarnation, once, and returns its number.
    pub(crate) fn kill_worker(&self) -> Option<u64> {
        let process = self.process()?;
        process.kill(ExitReason::Killed).then(|| process.incarnation())
    }

    /// Kills the living manager, once; `false` if there was none.
    pub(crate) fn kill_manager(&self) -> bool {
        let dismissal = self.on_call.dismiss();
        if let Dismissal::Gone(life) = dismissal {
            self.manager_ended(life, ExitReason::Killed);
        }
        dismissal != Dismissal::Nobody
    }

    /// Asks the supervisor to stop this worker for good: at once, or when it adds the worker.
    pub(crate) fn request_stop(&self) {
        self.is_asked_to_stop.store(true, Ordering::Release);
        self.ask(ParentRequest::Stop(Stopped::Shutdown));
    }

    /// Whether a handle has asked the worker to stop for good.
    pub(crate) fn is_asked_to_stop(&self) -> bool {
        self.is_asked_to_stop.load(Ordering::Acquire)
    }

    /// Asks the supervisor to stop this worker, or to restart it.
    pub(crate) fn ask(&self, what: ParentRequest) {
        let ParentRef { id, parent } = &self.parent;
        parent.ask(*id, what);
    }

    /// Tells the supervisor that the manager with this number has ended.
    pub(crate) fn manager_ended(&self, life: u64, reason: ExitReason) {
        let ParentRef { id, parent } = &self.parent;
        parent.manager_ended(*id, life, reason);
    }

    /// Has the numbers of incarnations go on above those of earlier processes.
    #[cfg(feature = "store")]
    pub(crate) fn number_after_earlier_processes(&self) {
        if let Some(store) = self.registry.store() {
            self.estate.issue_after(store.last_incarnation(&self.registry.identity_of(&self.name)));
        }
    }

    /// Its gates are behind this.
    #[cfg(feature = "store")]
    pub(crate) fn stand_behind_gates(self: &Arc<Self>) {
        if let Some(gates) = &self.gates {
            let this: Arc<dyn Gated> = Arc::<Self>::clone(self);
            gates.belong_to(Arc::downgrade(&this));
        }
    }

    /// The worker has taken over the tables of another, and with them their records.
    #[cfg(feature = "store")]
    pub(crate) fn take_over_records(&self) {
        if let Some(gates) = &self.gates {
            gates.wait_for_records();
        }
    }

    /// What the tables read from here on: they have been loaded.
    #[cfg(feature = "store")]
    pub(crate) fn read(&self, readers: Readers) {
        self.readers.set(readers);
    }

    /// Readers of the worker's tables, as they are now.
    pub(crate) fn readers(&self) -> Readers {
        self.readers.with(|readers| readers.clone())
    }

    /// Notes the last commit to the tables, which have just been created.
    pub(crate) fn tables_are_new(&self) {
        self.new_at.store(self.last_commit().unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Whether nobody has written to the tables since they were created; `false` if that cannot be
    /// known.
    pub(crate) fn are_unwritten(&self) -> bool {
        self.last_commit().is_some_and(|last| last == self.new_at.load(Ordering::Relaxed))
    }

    /// The last commit to the tables: `None` if some of them are not recorded, so that writes to
    /// them are not known.
    fn last_commit(&self) -> Option<u64> {
        W::ALL_RECORDED.then(|| self.readers.with(|readers| readers.last_commit()))
    }

    /// Parks quarantined tables.
    pub(crate) fn park(&self, parked: Quarantined<W::Tables>) {
        self.quarantine.with(|quarantine| quarantine.get_or_insert_default().push(parked));
    }

    /// Takes out the parked tables, oldest first.
    pub(crate) fn take_quarantined(&self) -> Vec<Quarantined<W::Tables>> {
        self.quarantine.take().map(|parked| *parked).unwrap_or_default()
    }

    /// How many bundles of tables are parked.
    pub(crate) fn quarantined(&self) -> usize {
        self.quarantine.with(|parked| parked.as_ref().map_or(0, |parked| parked.len()))
    }
}

impl<W: Handlers> Drop for Shared<W> {
    fn drop(&mut self) {
        // The last reference may be a supervisor's or the user's: a panic of parked tables must not
        // reach either.
        for parked in self.take_quarantined() {
            let _ = drop_caught(parked);
        }
    }
}
