//! The supervisor at work: what it knows, what it wakes for, and from its start to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, Sleep, sleep_until};

use super::branch::Branch;
use super::cycle::Cycle;
use super::intensity::Intensity;
use super::member::Up;
use super::numbers::ByNumber;
use super::report::{Overdue, StartError};
use super::requests::{Command, Inbox, ManagerEnded};
use super::slot::{Slot, Starter, State};
use super::strategy::{AutoShutdown, Strategy};
use crate::caught::message_of;
use crate::events::{Event, EventKind, Role};
use crate::exit::ExitReason;
use crate::status::Stopped;
use crate::stop::StopSignal;
use crate::superior::Place;

/// A supervisor at work. It outlives its task, as a worker's post outlives the worker: a supervisor that is started again goes
/// on with the same children, whose tables are where they were.
pub(super) struct Run {
    pub(super) branch: Arc<Branch>,
    pub(super) rules: SupervisorRules,
    /// In the order in which they are started.
    pub(super) slots: Slots,
    pub(super) tasks: JoinSet<ExitReason>,
    /// Whose task is whose.
    pub(super) places: ByNumber<Id, Place>,
    /// How many managers there are.
    pub(super) managers: usize,
    pub(super) intensity: Intensity,
    /// Who waits for a child's start, while that may still fail.
    pub(super) starters: ByNumber<Place, Starter>,
    inbox: Inbox,
    /// When something is to be done about whom. What has changed since is passed over.
    pub(super) timers: BTreeSet<(Instant, Place, Role)>,
    /// Goes off no later than the first of them. It is not set for each anew: in a storm there are many, and few come to pass.
    alarm: Option<Pin<Box<Sleep>>>,
    /// The children that are being restarted together, or started for the first time.
    pub(super) cycle: Option<Cycle>,
    /// The child whose start the next one waits for.
    pub(super) awaited: Option<(Place, Up)>,
    /// Once set, no child is started again, and all are stopped.
    pub(super) ending: Option<Ending>,
    /// While children are stopped in reverse order: those from this place on are down, and stay so.
    pub(super) down_from: Place,
    pub(super) overdue: Overdue,
}

/// In boxes: the map has room for more than it holds.
pub(super) type Slots = BTreeMap<Place, Box<Slot>>;

/// What a supervisor does when a child ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct SupervisorRules {
    pub(super) strategy: Strategy,
    pub(super) auto_shutdown: AutoShutdown,
    /// Whether its children are many of one kind: they are stopped together, and leave no trace.
    pub(super) dynamic: bool,
    /// Whether nobody is above it, so that its end is the end of its children.
    pub(super) is_root: bool,
}

/// Why a supervisor ends.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// It was asked to.
    Shutdown,
    /// More restarts than its intensity allows.
    GaveUp(ExitReason),
    /// A significant child has ended.
    Significant(Arc<str>),
    /// A child did not start.
    NotStarted(StartError),
}

/// What a supervisor wakes for.
enum Wake {
    /// Its own supervisor asks it to stop, or it is dropped.
    Stop,
    Command(Command),
    Deadline,
    Up,
    Ended(Place, ExitReason),
    ManagerEnded(ManagerEnded),
}

impl Run {
    pub(super) fn new(
        branch: Arc<Branch>,
        rules: SupervisorRules,
        slots: Slots,
        intensity: Intensity,
        inbox: Inbox,
    ) -> Self {
        Self {
            branch,
            rules,
            slots,
            tasks: JoinSet::new(),
            places: ByNumber::default(),
            managers: 0,
            intensity,
            starters: ByNumber::default(),
            inbox,
            timers: BTreeSet::new(),
            alarm: None,
            cycle: None,
            awaited: None,
            ending: None,
            down_from: Place::MAX,
            overdue: Overdue::default(),
        }
    }

    /// Starts the children, tells when they are up, and supervises them until the end, at which they are down.
    ///
    /// It may be dropped at any time, and be run again.
    pub(super) async fn live(&mut self, mut stop: StopSignal) -> Ending {
        self.ending = None;
        self.intensity.reset();
        self.begin_life();
        loop {
            // What was left behind has no place any more.
            if let Some(ending) = &self.ending
                && self.is_all_down()
            {
                return ending.clone();
            }
            let wake = self.wake(&mut stop).await;
            self.react(wake);
        }
    }

    /// Waits for whatever happens next. Cancel safe.
    async fn wake(&mut self, stop: &mut StopSignal) -> Wake {
        self.set_alarm();
        poll_fn(|cx| {
            // Requests first: a storm of crashes must not keep a shutdown waiting.
            if self.ending.is_none() && Pin::new(&mut *stop).poll(cx).is_ready() {
                return Poll::Ready(Wake::Stop);
            }
            if let Poll::Ready(Some(command)) = self.inbox.commands.poll_recv(cx) {
                return Poll::Ready(Wake::Command(command));
            }
            if self.alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Wake::Deadline);
            }
            while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(cx) {
                let (id, reason) = ended.unwrap_or_else(|error| (error.id(), reason_of(error)));
                if let Some(place) = self.places.remove(&id) {
                    return Poll::Ready(Wake::Ended(place, reason));
                }
            }
            if let Poll::Ready(Some(ended)) = self.inbox.managers.poll_recv(cx) {
                return Poll::Ready(Wake::ManagerEnded(ended));
            }
            if self.awaited.as_mut().is_some_and(|(_, up)| up.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Wake::Up);
            }
            Poll::Pending
        })
        .await
    }

    fn set_alarm(&mut self) {
        match (self.timers.first(), &mut self.alarm) {
            (None, alarm) => *alarm = None,
            (Some((time, ..)), None) => self.alarm = Some(Box::pin(sleep_until(*time))),
            (Some((time, ..)), Some(alarm)) => {
                if alarm.deadline() > *time || alarm.is_elapsed() {
                    alarm.as_mut().reset(*time);
                }
            }
        }
    }

    fn react(&mut self, wake: Wake) {
        match wake {
            Wake::Stop => self.end(Ending::Shutdown),
            Wake::Command(command) => self.obey(command),
            Wake::Deadline => self.meet_deadlines(),
            Wake::Up => self.awaited_is_up(),
            Wake::Ended(place, reason) => self.ended(place, self.first_role(place), reason),
            Wake::ManagerEnded((place, life, reason)) => self.manager_ended(place, life, reason),
        }
    }

    /// Whether no child has anything running that could still end.
    pub(super) fn is_all_down(&self) -> bool {
        self.places.is_empty() && self.managers == 0
    }

    /// Starts one part of a child.
    pub(super) fn spawn(&mut self, place: Place, role: Role) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        slot.forget_delay(place, role, &mut self.timers);
        if role == Role::Manager {
            slot.member.start_manager();
            self.managers += 1;
        } else {
            let task = slot.member.spawn(&mut self.tasks);
            self.places.insert(task.abort.id(), place);
            slot.task = Some(task);
        }
        let backoff = slot.member.rules().backoff;
        slot.part(role).started(backoff);
    }

    /// Somebody waits for the start of this child.
    pub(super) fn expect(&mut self, place: Place, starter: Starter) {
        // Those that nobody waits for any more go when there is no room left: now and then.
        if self.starters.len() == self.starters.capacity() {
            self.starters.retain(|_, starter| starter.is_waited_for());
            // Before the next time, as many come as there are now: so each is looked at once or
            // twice.
            self.starters.reserve(self.starters.len());
        }
        self.starters.insert(place, starter);
    }

    /// Starts a child: what of it does not run.
    pub(super) fn start(&mut self, place: Place) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        let first = slot.member.role();
        let starts_manager = slot.manager.as_ref().is_some_and(|manager| !manager.is_running());
        if !slot.first.is_running() {
            self.spawn(place, first);
        }
        if starts_manager {
            self.spawn(place, Role::Manager);
        }
    }

    /// Has `meet_deadlines` look at this task when its deadline has come.
    pub(super) fn set_timer(&mut self, place: Place, role: Role) {
        let deadline = self.slots.get_mut(&place).and_then(|slot| slot.part(role).deadline());
        self.timers.extend(deadline.map(|deadline| (deadline, place, role)));
    }

    /// If this task waits to be started, it does so no longer.
    pub(super) fn forget_delay(&mut self, place: Place, role: Role) {
        if let Some(slot) = self.slots.get_mut(&place) {
            slot.forget_delay(place, role, &mut self.timers);
        }
    }

    pub(super) fn emit(&self, kind: EventKind) {
        self.branch.realm().emit(|| Event { child: Arc::clone(self.branch.label()), kind });
    }

    /// Aborts every task, because its own task was.
    pub(super) fn abort_all(&mut self) {
        (self.cycle, self.awaited) = (None, None);
        self.timers.clear();
        for slot in self.slots.values_mut() {
            for role in slot.roles() {
                match slot.part(role).state {
                    State::Running | State::Asked(_) => {
                        slot.abort(role);
                        self.managers -= usize::from(slot.part(role).is_down());
                    }
                    State::Delayed(_) => slot.part(role).state = State::Down,
                    State::Down | State::Aborted(_) => {}
                }
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Killed, or dropped with its runtime, or never started. After an orderly end this changes nothing.
        self.branch.retire_all(&Stopped::Dropped);
    }
}

impl Ending {
    /// What its own supervisor is told.
    pub(super) fn reason(&self) -> ExitReason {
        match self {
            Self::Shutdown => ExitReason::Shutdown,
            Self::GaveUp(reason) => {
                let words = format!("gave up after too many restarts, the last because of {reason}");
                ExitReason::ShutdownWith(words.into())
            }
            Self::Significant(child) => {
                ExitReason::ShutdownWith(format!("its significant child `{child}` has ended").into())
            }
            Self::NotStarted(error) => ExitReason::error(error),
        }
    }

    /// What the children of a root are told.
    pub(super) fn stopped(&self) -> Stopped {
        match self {
            Self::Shutdown => Stopped::Shutdown,
            Self::NotStarted(StartError::Stopped(why)) => why.clone(),
            Self::GaveUp(reason) => Stopped::GaveUp(reason.clone()),
            Self::Significant(child) => Stopped::Significant(Arc::clone(child)),
            Self::NotStarted(error) => Stopped::NotStarted(Arc::from(error.to_string())),
        }
    }
}

/// Why a task ended that did not say so itself.
fn reason_of(error: JoinError) -> ExitReason {
    match error.try_into_panic() {
        Ok(payload) => ExitReason::Panic(message_of(payload)),
        Err(_aborted) => ExitReason::Killed,
    }
}
