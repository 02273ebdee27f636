//! The cycle: children are stopped in reverse order, then started in order, one after the other.
//! A supervisor's own start is a cycle over all children; `one_for_all` and `rest_for_one` restart
//! children by a cycle.

use std::time::Duration;

use crate::process::status::Stopped;
use crate::supervisor::run::slot::{Goal, State};
use crate::supervisor::run::{Cycle, Phase, Run};
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::ChildId;
use crate::worker::Restart;

impl Cycle {
    /// Whether the cycle has still to stop this child.
    fn will_stop(&self, id: ChildId) -> bool {
        matches!(self.phase, Phase::Stopping) && id >= self.from
    }

    /// Whether the cycle has still to start this child, which it may have to stop first.
    fn will_start(&self, id: ChildId) -> bool {
        match self.phase {
            Phase::Stopping => id >= self.from,
            Phase::Starting(next) => id >= next,
        }
    }
}

impl Run {
    /// Begins the supervisor's next life: stops the tasks that its last life left, then starts all
    /// children in order.
    pub(crate) fn begin_life(&mut self) {
        self.emit(EventKind::SupervisorStarted);
        self.cycle = Some(Cycle { from: ChildId::MIN, phase: Phase::Stopping, is_first: true });
        self.down_from = ChildId::MAX;
        self.timers.clear();
        let children: Vec<_> = self.slots.keys().copied().collect();
        for id in children {
            for role in self.slots[&id].roles() {
                self.set_timer(id, role);
            }
            if let Some(slot) = self.slots.get_mut(&id) {
                slot.member.prepare();
            }
            if let Goal::Replaced(..) | Goal::Finished(_) = self.slots[&id].goal {
                self.advance_goal(id);
            }
        }
        self.advance_cycle();
    }

    /// Stops the children from `from` on, then starts them again in order. The `failed` child's
    /// `delay` holds up the whole cycle.
    pub(crate) fn cycle_from(&mut self, from: ChildId, failed: ChildId, delay: Duration) {
        self.awaited = None;
        let (from, is_first) = match &self.cycle {
            Some(cycle) => (from.min(cycle.from), cycle.is_first),
            None => (from, false),
        };
        self.cycle = Some(Cycle { from, phase: Phase::Stopping, is_first });
        self.down_from = ChildId::MAX;
        self.emit(EventKind::RestartingTogether { children: self.slots.range(from..).count() });
        if !delay.is_zero()
            && let Some(slot) = self.slots.get(&failed)
        {
            let role = slot.member.role();
            self.start_later(failed, role, delay);
        }
        self.advance_cycle();
    }

    /// Whether the cycle is stopping this task.
    pub(crate) fn is_stopped_to_cycle(&self, id: ChildId, role: Role) -> bool {
        self.cycle
            .as_ref()
            .is_some_and(|cycle| cycle.will_stop(id) && (role != Role::Manager || cycle.is_first))
    }

    /// Takes every step of the cycle that need not wait.
    pub(crate) fn advance_cycle(&mut self) {
        if self.ending.is_some() {
            return;
        }
        while let Some(cycle) = &self.cycle {
            let done = match cycle.phase {
                Phase::Stopping => self.stop_next(),
                Phase::Starting(next) => self.start_next(next),
            };
            if !done {
                return;
            }
        }
    }

    /// Asks the last child that is not down to stop; says whether all children of the cycle are
    /// down and their delays over.
    fn stop_next(&mut self) -> bool {
        let Some(Cycle { from, is_first, .. }) = self.cycle else { return true };
        if self.rules.dynamic && !self.is_all_down() {
            // Tasks of a dynamic supervisor's last life were aborted together, so they end in any
            // order.
            return false;
        }
        while let Some((&id, slot)) = self.slots.range_mut(from..self.down_from).next_back() {
            if let Goal::Replaced(..) | Goal::Finished(_) = slot.goal {
                return false;
            }
            // Only a supervisor's own start stops managers, too: in a restart they keep the tables.
            let is_temporary = slot.member.rules().restart == Restart::Temporary;
            for role in slot.roles().filter(|role| is_first || *role != Role::Manager) {
                if !self.stop_part(id, role) {
                    return false;
                }
            }
            if !is_first && is_temporary {
                self.begin_finish(id, &Stopped::Shutdown);
                if self.slots.contains_key(&id) {
                    return false;
                }
            }
            self.down_from = id;
        }
        // Each delay has a timer, and few other timers are left, so searching them is cheap.
        let is_delayed =
            |id| self.slots.get(id).is_some_and(|slot| matches!(slot.first.state, State::Delayed(_)));
        if self.timers.iter().any(|(_, id, _)| *id >= from && is_delayed(id)) {
            return false;
        }
        if let Some(cycle) = &mut self.cycle {
            cycle.phase = Phase::Starting(cycle.from);
        }
        true
    }

    /// Starts a child that is down, unless the cycle will do so when the child's turn comes.
    pub(crate) fn start_in_turn(&mut self, id: ChildId) {
        let comes_later = self.cycle.as_ref().is_some_and(|cycle| cycle.will_start(id));
        if !comes_later && self.ending.is_none() {
            self.start(id);
        }
    }

    /// Starts a child that a caller waits for, even if the cycle has earlier children to start. The
    /// caller may be one of those, in its start hook: its own start would wait for this one, and
    /// this one for it.
    pub(crate) fn start_out_of_turn(&mut self, id: ChildId) {
        let is_stopping = self.cycle.as_ref().is_some_and(|cycle| cycle.will_stop(id));
        if !is_stopping && self.ending.is_none() {
            self.start(id);
        }
    }

    /// Starts the first child that the cycle has still to start; says whether the next step can
    /// follow at once.
    fn start_next(&mut self, next: ChildId) -> bool {
        if let Some((id, _)) = &self.awaited {
            if self.slots.get(id).is_some_and(|slot| slot.is_wanted()) {
                return false;
            }
            self.awaited = None;
        }
        let id = self.slots.range(next..).find_map(|(id, slot)| match &slot.goal {
            Goal::Run => Some(*id),
            Goal::Terminated | Goal::GivenUp(_) if slot.is_down() => Some(*id),
            _ => None,
        });
        let Some(id) = id else {
            if self.cycle.take().is_some_and(|cycle| cycle.is_first) {
                self.shared.set_running();
                self.emit(EventKind::SupervisorRunning);
            }
            return true;
        };
        if let Some(cycle) = &mut self.cycle {
            cycle.phase = Phase::Starting(id + 1);
        }
        let Some(slot) = self.slots.get_mut(&id) else { return true };
        slot.goal = Goal::Run;
        let is_held = std::mem::take(&mut slot.is_held);
        let node = slot.member.node();
        self.start(id);
        if self.rules.dynamic || is_held {
            // A dynamic supervisor starts its children in no order. And a child whose tables are
            // held by an unresponsive worker cannot be up before that worker ends, so nothing waits
            // for it.
            return true;
        }
        self.awaited = Some((id, node.up()));
        false
    }

    /// The child that the cycle waited for is up.
    pub(crate) fn awaited_is_up(&mut self) {
        self.awaited = None;
        self.advance_cycle();
    }

    /// Whether the supervisor's own start waits for this child: if the child fails, the start has
    /// failed.
    pub(crate) fn is_first_start_of(&self, id: ChildId) -> bool {
        self.cycle.as_ref().is_some_and(|cycle| cycle.is_first)
            && self.awaited.as_ref().is_some_and(|(awaited, _)| *awaited == id)
    }
}
