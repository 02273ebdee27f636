//! The supervisor at work: what it knows, what it wakes for, and from its start to its end.

pub(crate) mod commands;
pub(crate) mod cycle;
pub(crate) mod intensity;
pub(crate) mod patience;
pub(crate) mod requests;
pub(crate) mod restart;
pub(crate) mod slot;
pub(crate) mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop::poll_proceed;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::branch::Branch;
use crate::supervisor::child::{Rules, Up};
use crate::supervisor::report::{Overdue, StartError};
use crate::supervisor::run::intensity::Intensity;
use crate::supervisor::run::requests::{Command, ManagerEnded};
use crate::supervisor::run::slot::{Slot, Starter, State};
use crate::supervisor::strategy::{AutoShutdown, Strategy};
use crate::tree::events::{Event, EventKind, Role};
use crate::tree::parent::ChildId;
use crate::util::caught::message_of;
use crate::util::numbers::ByNumber;
use crate::util::stop::StopSignal;

/// A supervisor at work. It outlives its task, as a worker's post outlives the worker: a supervisor that is started again goes
/// on with the same children, whose tables are where they were.
pub(crate) struct Run {
    pub(crate) branch: Arc<Branch>,
    pub(crate) rules: SupervisorRules,
    /// In the order in which they are started.
    pub(crate) slots: Slots,
    pub(crate) tasks: JoinSet<ExitReason>,
    /// Whose task is whose.
    pub(crate) children: ByNumber<Id, ChildId>,
    /// How many managers there are.
    pub(crate) managers: usize,
    pub(crate) intensity: Intensity,
    /// Who waits for a child's start, while that may still fail.
    pub(crate) starters: ByNumber<ChildId, Starter>,
    sweep_starters_at: usize,
    /// The significant children that have not ended for good.
    pub(crate) significant: BTreeSet<ChildId>,
    /// When something is to be done about whom. What has changed since is passed over.
    pub(crate) timers: BTreeSet<(Instant, ChildId, Role)>,
    /// Goes off no later than the first of them. It is not set for each anew: in a storm there are many, and few come to pass.
    alarm: Option<Pin<Box<Sleep>>>,
    /// The children that are being restarted together, or started for the first time.
    pub(crate) cycle: Option<Cycle>,
    /// The child whose start the next one waits for.
    pub(crate) awaited: Option<(ChildId, Up)>,
    /// Once set, no child is started again, and all are stopped.
    pub(crate) ending: Option<Ending>,
    /// While children are stopped in reverse order: those from this place on are down, and stay so.
    pub(crate) down_from: ChildId,
    pub(crate) overdue: Overdue,
}

/// In boxes: the map has room for more than it holds.
pub(crate) type Slots = BTreeMap<ChildId, Box<Slot>>;

/// What a supervisor does when a child ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SupervisorRules {
    pub(crate) strategy: Strategy,
    pub(crate) auto_shutdown: AutoShutdown,
    /// Whether its children are many of one kind: they are stopped together, and leave no trace.
    pub(crate) dynamic: bool,
    /// Whether nobody is above it, so that its end is the end of its children.
    pub(crate) is_root: bool,
}

/// Why a supervisor ends.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// It was asked to.
    Shutdown,
    /// What its `start` returned was dropped.
    Dropped,
    /// More restarts than its intensity allows.
    GaveUp(ExitReason),
    /// A significant child has ended.
    Significant(Arc<str>),
    /// A child did not start.
    NotStarted(StartError),
}

/// A cycle over the children from one place on: stopped in reverse order, then started in order, each when the one before is up.
pub(super) struct Cycle {
    pub(super) from: ChildId,
    pub(super) phase: Phase,
    /// Whether it is the supervisor's own start: then a child that does not start ends it.
    pub(super) is_first: bool,
}

pub(super) enum Phase {
    Stopping,
    /// From this place on they are still to be started.
    Starting(ChildId),
}

/// What a supervisor wakes for.
enum Wake {
    /// Its own supervisor asks it to stop, or it is dropped.
    Stop(Ending),
    Command(Command),
    Deadline,
    Up,
    Ended(ChildId, ExitReason),
    ManagerEnded(ManagerEnded),
}

impl Run {
    pub(crate) fn new(
        branch: Arc<Branch>,
        rules: SupervisorRules,
        slots: Slots,
        intensity: Intensity,
    ) -> Self {
        let is_significant = |slot: &Slot| slot.member.rules().significant;
        let significant = slots.iter().filter(|(_, slot)| is_significant(slot)).map(|(id, _)| *id).collect();
        Self {
            branch,
            rules,
            slots,
            tasks: JoinSet::new(),
            children: ByNumber::default(),
            managers: 0,
            intensity,
            starters: ByNumber::default(),
            sweep_starters_at: 0,
            significant,
            timers: BTreeSet::new(),
            alarm: None,
            cycle: None,
            awaited: None,
            ending: None,
            down_from: ChildId::MAX,
            overdue: Overdue::default(),
        }
    }

    /// Starts the children, tells when they are up, and supervises them until the end, at which they are down.
    ///
    /// It may be dropped at any time, and be run again.
    pub(crate) async fn live(&mut self, mut stop: StopSignal) -> Ending {
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

    /// Waits for what happens next. Cancel safe.
    async fn wake(&mut self, stop: &mut StopSignal) -> Wake {
        self.set_alarm();
        poll_fn(|cx| {
            // Requests and ends that never cease keep no thread to themselves: a runtime that is
            // closing ends each task as soon as it is spawned, so a supervisor that did not yield
            // would start its child for ever.
            let turn = ready!(poll_proceed(cx));
            let wake = ready!(self.poll_wake(stop, cx));
            turn.made_progress();
            Poll::Ready(wake)
        })
        .await
    }

    fn poll_wake(&mut self, stop: &mut StopSignal, cx: &mut Context<'_>) -> Poll<Wake> {
        // Requests first: a storm of crashes must not keep a shutdown waiting.
        if self.ending.is_none() && Pin::new(&mut *stop).poll(cx).is_ready() {
            let ending = if stop.is_on_purpose() { Ending::Shutdown } else { Ending::Dropped };
            return Poll::Ready(Wake::Stop(ending));
        }
        if let Poll::Ready(command) = self.branch.requests.commands.poll_recv(cx) {
            return Poll::Ready(Wake::Command(command));
        }
        if self.alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Wake::Deadline);
        }
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(cx) {
            let (task, reason) = ended.unwrap_or_else(|error| (error.id(), reason_of(error)));
            if let Some(id) = self.children.remove(&task) {
                return Poll::Ready(Wake::Ended(id, reason));
            }
        }
        if let Poll::Ready(ended) = self.branch.requests.managers.poll_recv(cx) {
            return Poll::Ready(Wake::ManagerEnded(ended));
        }
        if self.awaited.as_mut().is_some_and(|(_, up)| up.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Wake::Up);
        }
        Poll::Pending
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
            Wake::Stop(ending) => self.end(ending),
            Wake::Command(command) => self.on_command(command),
            Wake::Deadline => self.meet_deadlines(),
            Wake::Up => self.awaited_is_up(),
            Wake::Ended(id, reason) => self.ended(id, self.first_role(id), reason),
            Wake::ManagerEnded((id, life, reason)) => self.manager_ended(id, life, reason),
        }
    }

    /// Whether no child has anything running that could still end.
    pub(crate) fn is_all_down(&self) -> bool {
        self.children.is_empty() && self.managers == 0
    }

    /// Starts one part of a child.
    pub(crate) fn spawn(&mut self, id: ChildId, role: Role) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.forget_delay(id, role, &mut self.timers);
        if role == Role::Manager {
            slot.manager_stayed = false;
            slot.member.start_manager();
            self.managers += 1;
        } else {
            let task = slot.member.spawn(&mut self.tasks);
            self.children.insert(task.abort.id(), id);
            slot.task = Some(task);
        }
        let backoff = slot.member.rules().backoff;
        slot.part(role).started(backoff);
    }

    /// Somebody waits for the start of this child.
    pub(crate) fn expect(&mut self, id: ChildId, starter: Starter) {
        // Those that nobody waits for any more go when there are twice as many as were left the last time.
        if self.starters.len() >= self.sweep_starters_at {
            self.starters.retain(|_, starter| starter.is_waited_for());
            self.sweep_starters_at = 2 * self.starters.len().max(8);
        }
        self.starters.insert(id, starter);
    }

    /// A child is one of this supervisor's from here on, or another one is in its place.
    pub(crate) fn note_significance(&mut self, id: ChildId, rules: Rules) {
        if rules.significant {
            self.significant.insert(id);
        } else {
            self.significant.remove(&id);
        }
    }

    /// Starts a child: what of it does not run.
    pub(crate) fn start(&mut self, id: ChildId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let first = slot.member.role();
        let starts_manager = slot.manager.as_ref().is_some_and(|manager| !manager.is_running());
        if !slot.first.is_running() {
            self.spawn(id, first);
        }
        if starts_manager {
            self.spawn(id, Role::Manager);
        }
    }

    /// Has `meet_deadlines` look at this task when its deadline has come.
    pub(crate) fn set_timer(&mut self, id: ChildId, role: Role) {
        let deadline = self.slots.get_mut(&id).and_then(|slot| slot.part(role).deadline());
        self.timers.extend(deadline.map(|deadline| (deadline, id, role)));
    }

    /// If this task waits to be started, it does so no longer.
    pub(crate) fn forget_delay(&mut self, id: ChildId, role: Role) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.forget_delay(id, role, &mut self.timers);
        }
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        self.branch.registry().emit(|| Event { child: Arc::clone(self.branch.label()), kind });
    }

    /// Aborts every task, because its own task was.
    pub(crate) fn abort_all(&mut self) {
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
    pub(crate) fn reason(&self) -> ExitReason {
        match self {
            Self::Shutdown | Self::Dropped => ExitReason::Shutdown,
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
    pub(crate) fn stopped(&self) -> Stopped {
        match self {
            Self::Shutdown => Stopped::Shutdown,
            Self::Dropped => Stopped::Dropped,
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

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::util::reply::reply;

    #[test]
    fn of_those_that_wait_for_a_start_no_more_few_are_kept() {
        let branch = Arc::new(Branch::new(Arc::from("app")));
        let rules = SupervisorRules {
            strategy: Strategy::OneForOne,
            auto_shutdown: AutoShutdown::Never,
            dynamic: true,
            is_root: true,
        };
        let mut run = Run::new(branch, rules, Slots::new(), Intensity::new(0, Duration::ZERO));
        let (told, _waits) = reply(Waker::noop().clone());
        run.expect(0, Starter::Added(told));
        for id in 1..1_000 {
            run.expect(id, Starter::Added(reply(Waker::noop().clone()).0));
        }
        assert!(run.starters.contains_key(&0) && run.starters.len() <= 16, "{}", run.starters.len());
    }
}
