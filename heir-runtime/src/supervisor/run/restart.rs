//! The end of a child: is the child started again, alone or with siblings, or has it ended for
//! good?

use std::sync::Arc;
use std::time::Duration;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::report::{ChildError, StartError};
use crate::supervisor::run::Run;
use crate::supervisor::run::ending::Ending;
use crate::supervisor::run::slot::{Goal, Starter, State};
use crate::supervisor::strategy::{AutoShutdown, Strategy};
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::ChildId;
use crate::util::deadline;
use crate::worker::Restart;

impl Run {
    /// A child's first task has ended: its worker, or its supervisor.
    pub(crate) fn first_ended(&mut self, id: ChildId, reason: ExitReason) {
        if let Some(slot) = self.slots.get(&id) {
            let role = slot.member.role();
            self.task_ended(id, role, reason);
        }
    }

    /// The manager with the number `life` has ended.
    pub(crate) fn manager_ended(&mut self, id: ChildId, life: u64, reason: ExitReason) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let part = slot.part(Role::Manager);
        let was_up = !part.is_down() && !matches!(part.state, State::Delayed(_));
        if was_up && slot.member.is_manager(life) {
            self.managers -= 1;
            self.task_ended(id, Role::Manager, reason);
        }
    }

    /// A task of a child has ended: goes on with what was to come after, or asks whether the task is
    /// started again.
    fn task_ended(&mut self, id: ChildId, role: Role, reason: ExitReason) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let part = slot.part(role);
        // While the supervisor ends, stale timers are left in: `meet_deadlines` skips them.
        if let Some(deadline) = part.deadline()
            && self.ending.is_none()
        {
            self.timers.remove(&(deadline, id, role));
        }
        part.state = State::Down;
        if role != Role::Manager {
            slot.task = None;
        }
        let reason = slot.member.note_end(role, reason);
        let overdue = slot.member.overdue();
        if role != Role::Manager {
            self.close_child(id);
        }
        self.overdue.append(overdue, self.ending.is_some());
        let Some(slot) = self.slots.get(&id) else { return };
        let is_wanted = slot.is_wanted() || (role == Role::Manager && matches!(slot.goal, Goal::Restarting));
        if self.ending.is_some() || !is_wanted || self.is_stopped_to_cycle(id, role) {
            self.went_down(id);
        } else {
            self.ended_by_itself(id, role, reason);
        }
    }

    /// A task that was asked to stop has ended, or was left behind: goes on with the child's goal,
    /// and with the supervisor's end or cycle.
    pub(crate) fn went_down(&mut self, id: ChildId) {
        if self.slots.get(&id).is_some_and(|slot| !slot.is_wanted()) {
            self.advance_goal(id);
        }
        if self.ending.is_some() {
            self.advance_ending(id);
        } else {
            self.advance_cycle();
        }
    }

    fn ended_by_itself(&mut self, id: ChildId, role: Role, reason: ExitReason) {
        let is_first_start = self.is_first_start_of(id);
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let (rules, node) = (slot.member.rules(), slot.member.node());
        let again = match rules.restart {
            Restart::Transient if role != Role::Manager => !reason.is_normal(),
            Restart::Temporary if role != Role::Manager => false,
            _ => true,
        };
        let manager_stayed = std::mem::take(&mut slot.manager_stayed) && !node.has_been_up();
        if node.has_been_up() {
            if let Some(starter) = self.starters.remove(&id) {
                starter.tell(Ok(()));
            }
        } else if reason.is_failure() || !again {
            // Also if the supervisor has been restarted since the caller asked: the supervisor's own
            // start does not depend on a child that a caller has added.
            if self.starters.get(&id).is_some_and(Starter::is_waited_for) {
                return self.start_failed(id, role, reason);
            }
            if is_first_start {
                if self.rules.is_root {
                    // This child's callers are told its own reason, its siblings' callers that the
                    // tree did not start.
                    slot.close(&Stopped::Ended(reason.clone()));
                }
                let error = StartError::Child { child: Arc::clone(node.name()), role, reason };
                return self.end(Ending::NotStarted(error));
            }
        }
        if !again {
            return self.ended_for_good(id, reason);
        }
        let window = self.has_own_window(id).then_some(id);
        if !self.shared.windows.count_restart(window, self.rules.limit) {
            return self.give_up(id, reason);
        }
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let delay = match role {
            Role::Manager if manager_stayed => Duration::ZERO,
            _ => slot.part(role).next_delay(rules.backoff),
        };
        node.emit(EventKind::Restarting { role, reason });
        match self.rules.strategy {
            Strategy::OneForAll if role != Role::Manager => self.cycle_from(ChildId::MIN, id, delay),
            Strategy::RestForOne if role != Role::Manager => self.cycle_from(id, id, delay),
            _ if delay.is_zero() => self.spawn(id, role),
            _ => self.start_later(id, role, delay),
        }
    }

    /// Whether the restarts of this child count for it alone. A subtree, which nobody finds by a key,
    /// counts for its supervisor.
    fn has_own_window(&self, id: ChildId) -> bool {
        self.rules.max_given_up.is_some()
            && self.slots.get(&id).is_some_and(|slot| slot.member.role() == Role::Worker)
    }

    /// There were too many restarts: the supervisor gives up on this child alone, if it can, or else
    /// ends.
    fn give_up(&mut self, id: ChildId, reason: ExitReason) {
        let has_own = self.has_own_window(id);
        let Some(slot) = self.slots.get_mut(&id) else { return };
        if !has_own || self.rules.max_given_up.is_some_and(|most| self.given_up >= most) {
            return self.end(Ending::GaveUp(reason));
        }
        if slot.member.rules().restart == Restart::Temporary {
            // It is never started again: only its manager was.
            return self.finish(id, &Stopped::GaveUp(reason));
        }
        slot.note_given_up();
        self.given_up += 1;
        slot.member.node().refuse(&reason);
        self.set_goal(id, Goal::GivenUp(Box::new(reason)));
    }

    /// Has a task of a child wait for `delay` before it is started.
    pub(crate) fn start_later(&mut self, id: ChildId, role: Role, delay: Duration) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.part(role).state = State::Delayed(deadline::after(delay));
        slot.member.node().emit(EventKind::Delayed { role, delay });
        self.set_timer(id, role);
    }

    /// The child is not started again. If it is significant, the supervisor may end with it.
    fn ended_for_good(&mut self, id: ChildId, reason: ExitReason) {
        let Some(slot) = self.slots.get(&id) else { return };
        let name = Arc::clone(slot.member.node().name());
        let is_significant = slot.member.rules().significant;
        self.finish(id, &Stopped::Ended(reason));
        let ends = match self.rules.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => self.significant.is_empty(),
        };
        if is_significant && ends {
            self.end(Ending::Significant(name));
        }
    }

    /// The start that a caller waits for has failed. The caller is told when the child is down, so
    /// that it can start the child again at once.
    fn start_failed(&mut self, id: ChildId, role: Role, reason: ExitReason) {
        self.awaited.take_if(|(awaited, _)| *awaited == id);
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let child = Arc::clone(slot.member.node().name());
        slot.note_start_error(StartError::Child { child, role, reason: reason.clone() });
        if let Some(Starter::Added(_)) = self.starters.get(&id) {
            self.finish(id, &Stopped::Ended(reason));
        } else {
            self.set_goal(id, Goal::Terminated);
        }
    }
}

impl Starter {
    /// Answers the caller.
    pub(crate) fn tell(self, started: Result<(), StartError>) {
        match self {
            Self::Added(told) => told.answer(started),
            Self::Restarted(told) => told.answer(started.map_err(ChildError::from)),
        }
    }

    /// Whether the caller still waits. If not, the child's start is treated as any other.
    pub(crate) fn is_waited_for(&self) -> bool {
        match self {
            Self::Added(told) => !told.is_for_nobody(),
            Self::Restarted(told) => !told.is_for_nobody(),
        }
    }
}
