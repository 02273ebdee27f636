//! The supervisor at work: its state, the loop that waits and reacts, and why it ends.

pub(crate) mod commands;
pub(crate) mod cycle;
pub(crate) mod ending;
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
use crate::supervisor::child::{Rules, Up};
use crate::supervisor::report::Overdue;
use crate::supervisor::run::ending::Ending;
use crate::supervisor::run::intensity::Limit;
use crate::supervisor::run::patience::Patience;
use crate::supervisor::run::requests::{Command, ManagerEnded};
use crate::supervisor::run::slot::{Slot, Starter, State};
use crate::supervisor::shared::SupervisorShared;
use crate::supervisor::strategy::{AutoShutdown, Strategy};
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::ChildId;
use crate::util::caught::message_of;
use crate::util::numbers::ByNumber;
use crate::util::stop::StopSignal;
use crate::worker::Shutdown;

/// A supervisor at work. It outlives the supervisor's task: a supervisor that is restarted goes on
/// with the same children, whose tables stay in their estates.
///
/// The loop, in [`live`](Self::live):
///
/// ```text
/// begin_life
///   │
///   ▼
/// next_wake ◄─┐ waits for a stop, a request, a deadline, an end, or the start that a cycle awaits
///   │         │
///   ▼         │
/// react ──────┘ changes slots, goals, cycle and ending, without an await
///   │
///   └──► returns, once `ending` is set and every child is down
/// ```
pub(crate) struct Run {
    pub(crate) shared: Arc<SupervisorShared>,
    pub(crate) rules: SupervisorRules,
    /// By id, which is the order in which children are started.
    pub(crate) slots: Slots,
    pub(crate) tasks: JoinSet<ExitReason>,
    /// The child that each task belongs to: a worker's own task, or a supervisor's.
    pub(crate) child_of_task: ByNumber<Id, ChildId>,
    /// How many managers have been started and have not ended.
    pub(crate) managers: usize,
    /// How many children the supervisor has given up on, which have not been started again since.
    pub(crate) given_up: usize,
    /// The caller that waits for a child's start, until the child is up or the start has failed.
    pub(crate) starters: ByNumber<ChildId, Starter>,
    sweep_starters_at: usize,
    /// The significant children that have not ended for good.
    pub(crate) significant: BTreeSet<ChildId>,
    /// When [`meet_deadlines`](Self::meet_deadlines) has to look at which task. An entry is stale,
    /// and skipped, once its time is no longer the task's deadline.
    pub(crate) timers: BTreeSet<(Instant, ChildId, Role)>,
    /// The supervisor's only tokio timer: it fires no later than the first entry of `timers`, or
    /// than `time_left` says. It is not reset for each entry, because in a storm of crashes most entries become stale.
    alarm: Option<Pin<Box<Sleep>>>,
    /// The cycle under way, if any: the supervisor's own start, or a restart of several children.
    pub(crate) cycle: Option<Cycle>,
    /// The child that the cycle has started, and waits for before it starts the next one.
    pub(crate) awaited: Option<(ChildId, Up)>,
    /// Why the supervisor ends. Once this is set, no child is started again, and all are stopped.
    pub(crate) ending: Option<Ending>,
    /// What is left of the time in which a root is to end, if that is bounded.
    pub(crate) time_left: Option<Patience>,
    /// While children are stopped in reverse order: those with this id or a higher one are down.
    pub(crate) down_from: ChildId,
    pub(crate) overdue: Overdue,
}

/// Boxed, because a node of a `BTreeMap` reserves room for entries that it does not have.
pub(crate) type Slots = BTreeMap<ChildId, Box<Slot>>;

/// How a supervisor treats the ends of its children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SupervisorRules {
    pub(crate) strategy: Strategy,
    pub(crate) auto_shutdown: AutoShutdown,
    /// Whether the children are workers of one type, as in [`Dynamic`](crate::Dynamic): they have
    /// no order, are stopped together, and are forgotten when they end.
    pub(crate) dynamic: bool,
    /// Whether the supervisor has no supervisor of its own: its children then end for good with it.
    pub(crate) is_root: bool,
    /// How long the end of a root may take, if that is bounded. A subtree is bounded by its own
    /// supervisor.
    pub(crate) bound: Option<Shutdown>,
    /// How many restarts are allowed: of all children together, or of each.
    pub(crate) limit: Limit,
    /// How many workers the supervisor may have given up on, if each of its workers has the limit to
    /// itself. `None`: restarts of all children count together, and the supervisor gives up.
    pub(crate) max_given_up: Option<usize>,
}

/// A walk over the children from one id on: it stops them in reverse order, then starts them in
/// order, each after the one before is up.
///
/// ```text
/// none ──(begin_life, cycle_from)──► Stopping
/// Stopping ──(all are down, all delays are over)──► Starting(from)
/// Starting(next) ──(the next child is started, and up)──► Starting(its id + 1)
/// Starting(next) ──(no child is left to start)──► none
/// Starting(next) ──(cycle_from, as another child has ended)──► Stopping
/// ```
pub(super) struct Cycle {
    pub(super) from: ChildId,
    pub(super) phase: Phase,
    /// Whether the cycle is the supervisor's own start: a child that fails to start then ends it.
    pub(super) is_first: bool,
}

pub(super) enum Phase {
    Stopping,
    /// The children with this id or a higher one have still to be started.
    Starting(ChildId),
}

/// What a supervisor's task wakes up for.
enum Wake {
    /// The supervisor is asked to stop, or its `Supervisor` was dropped.
    Stop(Ending),
    Command(Command),
    Deadline,
    Up,
    Ended(ChildId, ExitReason),
    ManagerEnded(ManagerEnded),
}

impl Run {
    pub(crate) fn new(shared: Arc<SupervisorShared>, rules: SupervisorRules, slots: Slots) -> Self {
        let is_significant = |slot: &Slot| slot.member.rules().significant;
        let significant = slots.iter().filter(|(_, slot)| is_significant(slot)).map(|(id, _)| *id).collect();
        Self {
            shared,
            rules,
            slots,
            tasks: JoinSet::new(),
            child_of_task: ByNumber::default(),
            managers: 0,
            given_up: 0,
            starters: ByNumber::default(),
            sweep_starters_at: 0,
            significant,
            timers: BTreeSet::new(),
            alarm: None,
            cycle: None,
            awaited: None,
            ending: None,
            time_left: None,
            down_from: ChildId::MAX,
            overdue: Overdue::default(),
        }
    }

    /// Starts the children, supervises them, and stops them; returns why, once all are down.
    ///
    /// The future may be dropped at any time, and `live` be called again: that is the next life.
    pub(crate) async fn live(&mut self, mut stop: StopSignal) -> Ending {
        self.ending = None;
        self.shared.windows.reset();
        self.begin_life();
        loop {
            // Tasks that were left behind are not waited for: they count as down.
            if let Some(ending) = &self.ending
                && self.is_all_down()
            {
                return ending.clone();
            }
            let wake = self.next_wake(&mut stop).await;
            self.react(wake);
        }
    }

    /// Waits for the next thing to react to. Cancel safe.
    async fn next_wake(&mut self, stop: &mut StopSignal) -> Wake {
        self.set_alarm();
        poll_fn(|cx| {
            // The supervisor yields by tokio's budget even if requests and ends never cease. In a
            // runtime that is shutting down, each spawned task ends at once, so a supervisor that
            // did not yield would start its child for ever.
            let turn = ready!(poll_proceed(cx));
            let wake = ready!(self.poll_wake(stop, cx));
            turn.made_progress();
            Poll::Ready(wake)
        })
        .await
    }

    fn poll_wake(&mut self, stop: &mut StopSignal, cx: &mut Context<'_>) -> Poll<Wake> {
        // A stop and requests come before ends: a storm of crashes must not delay a shutdown.
        if self.ending.is_none() && Pin::new(&mut *stop).poll(cx).is_ready() {
            let ending = if stop.is_on_purpose() { Ending::Shutdown } else { Ending::Dropped };
            return Poll::Ready(Wake::Stop(ending));
        }
        if let Poll::Ready(command) = self.shared.requests.commands.poll_recv(cx) {
            return Poll::Ready(Wake::Command(command));
        }
        if self.alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Wake::Deadline);
        }
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(cx) {
            let (task, reason) = ended.unwrap_or_else(|error| (error.id(), reason_of(error)));
            if let Some(id) = self.child_of_task.remove(&task) {
                return Poll::Ready(Wake::Ended(id, reason));
            }
        }
        if let Poll::Ready(ended) = self.shared.requests.managers.poll_recv(cx) {
            return Poll::Ready(Wake::ManagerEnded(ended));
        }
        if self.awaited.as_mut().is_some_and(|(_, up)| up.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Wake::Up);
        }
        Poll::Pending
    }

    fn set_alarm(&mut self) {
        let of_a_child = self.timers.first().map(|(time, ..)| *time);
        let of_the_end = self.time_left.as_ref().map(Patience::next);
        match (of_a_child.into_iter().chain(of_the_end).min(), &mut self.alarm) {
            (None, alarm) => *alarm = None,
            (Some(time), None) => self.alarm = Some(Box::pin(sleep_until(time))),
            (Some(time), Some(alarm)) => {
                if alarm.deadline() > time || alarm.is_elapsed() {
                    alarm.as_mut().reset(time);
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
            Wake::Ended(id, reason) => self.first_ended(id, reason),
            Wake::ManagerEnded((id, life, reason)) => self.manager_ended(id, life, reason),
        }
    }

    /// Whether every task of every child has ended, or was left behind.
    pub(crate) fn is_all_down(&self) -> bool {
        self.child_of_task.is_empty() && self.managers == 0
    }

    /// Starts one task of a child.
    pub(crate) fn spawn(&mut self, id: ChildId, role: Role) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.forget_delay(id, role, &mut self.timers);
        if role == Role::Manager {
            slot.manager_stayed = false;
            slot.member.start_manager();
            self.managers += 1;
        } else {
            let task = slot.member.spawn(&mut self.tasks);
            self.child_of_task.insert(task.abort.id(), id);
            slot.task = Some(task);
        }
        let backoff = slot.member.rules().backoff;
        slot.part(role).started(backoff);
    }

    /// Notes the caller that waits for this child's start.
    pub(crate) fn note_starter(&mut self, id: ChildId, starter: Starter) {
        // Entries whose callers are gone are swept when the map has doubled since the last sweep.
        if self.starters.len() >= self.sweep_starters_at {
            self.starters.retain(|_, starter| starter.is_waited_for());
            self.sweep_starters_at = 2 * self.starters.len().max(8);
        }
        self.starters.insert(id, starter);
    }

    /// Updates the set of significant children for a child that was added, or that replaced
    /// another.
    pub(crate) fn note_significance(&mut self, id: ChildId, rules: Rules) {
        if rules.significant {
            self.significant.insert(id);
        } else {
            self.significant.remove(&id);
        }
    }

    /// Starts those tasks of a child that do not run.
    pub(crate) fn start(&mut self, id: ChildId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.restart_when_down = false;
        if slot.take_given_up() {
            self.given_up -= 1;
            slot.member.node().reopen();
        }
        let first = slot.member.role();
        let starts_manager = slot.manager.as_ref().is_some_and(|manager| !manager.is_running());
        if !slot.first.is_running() {
            self.spawn(id, first);
        }
        if starts_manager {
            self.spawn(id, Role::Manager);
        }
    }

    /// Enters the task's deadline, if it has one, into the timers.
    pub(crate) fn set_timer(&mut self, id: ChildId, role: Role) {
        let deadline = self.slots.get_mut(&id).and_then(|slot| slot.part(role).deadline());
        self.timers.extend(deadline.map(|deadline| (deadline, id, role)));
    }

    /// Cancels the task's delay, if it waits to be started.
    pub(crate) fn forget_delay(&mut self, id: ChildId, role: Role) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.forget_delay(id, role, &mut self.timers);
        }
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        self.shared.registry().emit_own(kind);
    }

    /// Aborts the tasks of all children, because the supervisor's own task was aborted.
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
        // The supervisor was killed, dropped with its runtime, or never started. After an orderly
        // end this does nothing: the children have been retired.
        self.shared.retire_all(&Stopped::Dropped);
    }
}

/// The exit reason of a task that panicked or was aborted.
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
        let shared = Arc::new(SupervisorShared::new(Arc::from("app")));
        let rules = SupervisorRules {
            strategy: Strategy::OneForOne,
            auto_shutdown: AutoShutdown::Never,
            dynamic: true,
            is_root: true,
            bound: None,
            limit: Limit { restarts: 0, period: Duration::ZERO },
            max_given_up: None,
        };
        let mut run = Run::new(shared, rules, Slots::new());
        let (told, _waits) = reply(Waker::noop().clone());
        run.note_starter(0, Starter::Added(told));
        for id in 1..1_000 {
            run.note_starter(id, Starter::Added(reply(Waker::noop().clone()).0));
        }
        assert!(run.starters.contains_key(&0) && run.starters.len() <= 16, "{}", run.starters.len());
    }
}
