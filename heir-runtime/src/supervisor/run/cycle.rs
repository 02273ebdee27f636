//! Children that are started one after the other: the first time, and again after all of them, or the rest, were stopped.

use std::time::Duration;

use crate::process::status::Stopped;
use crate::supervisor::run::slot::{Goal, State};
use crate::supervisor::run::{Cycle, Phase, Run};
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::ChildId;
use crate::util::deadline;
use crate::worker::Restart;

impl Run {
    /// Starts all children; what is left of a life before is stopped first.
    pub(crate) fn begin_life(&mut self) {
        self.cycle = Some(Cycle { from: ChildId::MIN, phase: Phase::Stopping, is_first: true });
        self.down_from = ChildId::MAX;
        self.timers.clear();
        let children: Vec<_> = self.slots.keys().copied().collect();
        for id in children {
            for role in self.slots[&id].roles() {
                self.set_timer(id, role);
            }
            if let Goal::Replaced(..) | Goal::Finished(_) = self.slots[&id].goal {
                self.go_on_with(id);
            }
        }
        self.go_on_cycling();
    }

    /// Stops the children from this place on, and starts them again: this one after a delay, and the others with it.
    pub(crate) fn cycle_from(&mut self, from: ChildId, failed: ChildId, delay: Duration) {
        self.awaited = None;
        let (from, is_first) = match &self.cycle {
            Some(cycle) => (from.min(cycle.from), cycle.is_first),
            None => (from, false),
        };
        self.cycle = Some(Cycle { from, phase: Phase::Stopping, is_first });
        self.down_from = ChildId::MAX;
        if !delay.is_zero() {
            self.delay(failed, self.first_role(failed), delay);
        }
        self.go_on_cycling();
    }

    /// Whether this child is one of those that are being stopped to be started again.
    pub(crate) fn is_stopped_to_cycle(&self, id: ChildId, role: Role) -> bool {
        self.cycle.as_ref().is_some_and(|cycle| {
            id >= cycle.from
                && matches!(cycle.phase, Phase::Stopping)
                && (role != Role::Manager || cycle.is_first)
        })
    }

    /// The next step, if everything before it is done.
    pub(crate) fn go_on_cycling(&mut self) {
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

    /// Stops the last child that is not down; says whether all are.
    fn stop_next(&mut self) -> bool {
        let Some(Cycle { from, is_first, .. }) = self.cycle else { return true };
        if self.rules.dynamic && !self.is_all_down() {
            // They have been aborted together.
            return false;
        }
        while let Some((&id, slot)) = self.slots.range_mut(from..self.down_from).next_back() {
            if let Goal::Replaced(..) | Goal::Finished(_) = slot.goal {
                return false;
            }
            // Managers go on, and have the tables meanwhile.
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
        // Every delay has its timer, and hardly anything else has one by now.
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

    /// Starts a child that is down, unless that is not its turn: others are still to be stopped, or to be started before it.
    pub(crate) fn start_in_its_turn(&mut self, id: ChildId) {
        let comes_later = self.cycle.as_ref().is_some_and(|cycle| match cycle.phase {
            Phase::Stopping => id >= cycle.from,
            Phase::Starting(next) => id >= next,
        });
        if !comes_later && self.ending.is_none() {
            self.start(id);
        }
    }

    /// Starts a child that somebody waits for: it may be a sibling that is itself being started, which must not wait for its own end.
    pub(crate) fn start_on_request(&mut self, id: ChildId) {
        let is_stopping = self
            .cycle
            .as_ref()
            .is_some_and(|cycle| matches!(cycle.phase, Phase::Stopping) && id >= cycle.from);
        if !is_stopping && self.ending.is_none() {
            self.start(id);
        }
    }

    /// Starts the first child that is still to be started; says whether there is a next step at once.
    fn start_next(&mut self, next: ChildId) -> bool {
        if let Some((id, _)) = &self.awaited {
            if self.slots.get(id).is_some_and(|slot| slot.is_wanted()) {
                return false;
            }
            self.awaited = None;
        }
        let id = self.slots.range(next..).find_map(|(id, slot)| match &slot.goal {
            Goal::Run => Some(*id),
            Goal::Terminated if slot.is_down() => Some(*id),
            _ => None,
        });
        let Some(id) = id else {
            if self.cycle.take().is_some_and(|cycle| cycle.is_first) {
                self.branch.is_up();
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
            // They have no order, or it cannot be up before an earlier one lets go of its tables.
            return true;
        }
        self.awaited = Some((id, node.up()));
        false
    }

    /// The child that was waited for is up.
    pub(crate) fn awaited_is_up(&mut self) {
        self.awaited = None;
        self.go_on_cycling();
    }

    /// Whether the supervisor's own start waits for this child.
    pub(crate) fn is_first_start_of(&self, id: ChildId) -> bool {
        self.cycle.as_ref().is_some_and(|cycle| cycle.is_first)
            && self.awaited.as_ref().is_some_and(|(awaited, _)| *awaited == id)
    }

    /// Has one task of a child wait before it is started.
    pub(crate) fn delay(&mut self, id: ChildId, role: Role, delay: Duration) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.part(role).state = State::Delayed(deadline::after(delay));
        slot.member.node().emit(EventKind::Delayed { role, delay });
        self.set_timer(id, role);
    }

    pub(crate) fn first_role(&self, id: ChildId) -> Role {
        self.slots.get(&id).map_or(Role::Worker, |slot| slot.member.role())
    }
}
