//! Children that are started one after the other: the first time, and again after all of them, or the rest, were stopped.

use std::time::Duration;

use super::run::Run;
use super::slot::{Aim, State};
use crate::deadline;
use crate::events::{EventKind, Role};
use crate::status::Stopped;
use crate::superior::Place;
use crate::worker::Restart;

/// A cycle over the children from one place on: stopped in reverse order, then started in order, each when the one before is up.
pub(super) struct Cycle {
    from: Place,
    phase: Phase,
    /// Whether it is the supervisor's own start: then a child that does not start ends it.
    pub(super) is_first: bool,
}

enum Phase {
    Stopping,
    /// From this place on they are still to be started.
    Starting(Place),
}

impl Run {
    /// Starts all children; what is left of a life before is stopped first.
    pub(super) fn begin_life(&mut self) {
        self.cycle = Some(Cycle { from: Place::MIN, phase: Phase::Stopping, is_first: true });
        self.down_from = Place::MAX;
        self.timers.clear();
        let places: Vec<_> = self.slots.keys().copied().collect();
        for place in places {
            for role in self.slots[&place].roles() {
                self.set_timer(place, role);
            }
            if let Aim::Replaced(..) | Aim::Finished(_) = self.slots[&place].aim {
                self.go_on_with(place);
            }
        }
        self.go_on_cycling();
    }

    /// Stops the children from this place on, and starts them again: this one after a delay, and the others with it.
    pub(super) fn cycle_from(&mut self, from: Place, failed: Place, delay: Duration) {
        self.awaited = None;
        let (from, is_first) = match &self.cycle {
            Some(cycle) => (from.min(cycle.from), cycle.is_first),
            None => (from, false),
        };
        self.cycle = Some(Cycle { from, phase: Phase::Stopping, is_first });
        self.down_from = Place::MAX;
        if !delay.is_zero() {
            self.delay(failed, self.first_role(failed), delay);
        }
        self.go_on_cycling();
    }

    /// Whether this child is one of those that are being stopped to be started again.
    pub(super) fn is_stopped_to_cycle(&self, place: Place, role: Role) -> bool {
        self.cycle.as_ref().is_some_and(|cycle| {
            place >= cycle.from
                && matches!(cycle.phase, Phase::Stopping)
                && (role != Role::Manager || cycle.is_first)
        })
    }

    /// The next step, if everything before it is done.
    pub(super) fn go_on_cycling(&mut self) {
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
        while let Some((&place, slot)) = self.slots.range_mut(from..self.down_from).next_back() {
            match slot.aim {
                // It is stopped, and then started, with the others.
                Aim::Renewed => slot.aim = Aim::Run,
                Aim::Run | Aim::Terminated => {}
                Aim::Replaced(..) | Aim::Finished(_) => return false,
            }
            // Managers go on, and have the tables meanwhile.
            let is_temporary = slot.member.rules().restart == Restart::Temporary;
            for role in slot.roles().filter(|role| is_first || *role != Role::Manager) {
                if !self.stop_part(place, role) {
                    return false;
                }
            }
            if !is_first && is_temporary {
                self.begin_finish(place, &Stopped::Shutdown);
                if self.slots.contains_key(&place) {
                    return false;
                }
            }
            self.down_from = place;
        }
        // Every delay has its timer, and hardly anything else has one by now.
        let is_delayed =
            |place| self.slots.get(place).is_some_and(|slot| matches!(slot.first.state, State::Delayed(_)));
        if self.timers.iter().any(|(_, place, _)| *place >= from && is_delayed(place)) {
            return false;
        }
        if let Some(cycle) = &mut self.cycle {
            cycle.phase = Phase::Starting(cycle.from);
        }
        true
    }

    /// Starts a child that is down, unless that is not its turn: others are still to be stopped, or to be started before it.
    pub(super) fn start_in_its_turn(&mut self, place: Place) {
        let comes_later = self.cycle.as_ref().is_some_and(|cycle| match cycle.phase {
            Phase::Stopping => place >= cycle.from,
            Phase::Starting(next) => place >= next,
        });
        if !comes_later && self.ending.is_none() {
            self.start(place);
        }
    }

    /// Starts a child that somebody waits for: it may be a sibling that is itself being started, which must not wait for its own end.
    pub(super) fn start_on_request(&mut self, place: Place) {
        let is_stopping = self
            .cycle
            .as_ref()
            .is_some_and(|cycle| matches!(cycle.phase, Phase::Stopping) && place >= cycle.from);
        if !is_stopping && self.ending.is_none() {
            self.start(place);
        }
    }

    /// Starts the first child that is still to be started; says whether there is a next step at once.
    fn start_next(&mut self, next: Place) -> bool {
        if let Some((place, _)) = &self.awaited {
            if self.slots.get(place).is_some_and(|slot| slot.is_wanted()) {
                return false;
            }
            self.awaited = None;
        }
        let place = self.slots.range(next..).find_map(|(place, slot)| match &slot.aim {
            Aim::Run => Some(*place),
            Aim::Terminated if slot.is_down() => Some(*place),
            _ => None,
        });
        let Some(place) = place else {
            if self.cycle.take().is_some_and(|cycle| cycle.is_first) {
                self.branch.is_up();
            }
            return true;
        };
        if let Some(cycle) = &mut self.cycle {
            cycle.phase = Phase::Starting(place + 1);
        }
        let Some(slot) = self.slots.get_mut(&place) else { return true };
        slot.aim = Aim::Run;
        let is_held = std::mem::take(&mut slot.is_held);
        let node = slot.member.node();
        self.start(place);
        if self.rules.dynamic || is_held {
            // They have no order, or it cannot be up before an earlier one lets go of its tables.
            return true;
        }
        self.awaited = Some((place, node.up()));
        false
    }

    /// The child that was waited for is up.
    pub(super) fn awaited_is_up(&mut self) {
        self.awaited = None;
        self.go_on_cycling();
    }

    /// Whether the supervisor's own start waits for this child.
    pub(super) fn is_first_start_of(&self, place: Place) -> bool {
        self.cycle.as_ref().is_some_and(|cycle| cycle.is_first)
            && self.awaited.as_ref().is_some_and(|(awaited, _)| *awaited == place)
    }

    /// Has one task of a child wait before it is started.
    pub(super) fn delay(&mut self, place: Place, role: Role, delay: Duration) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        slot.part(role).state = State::Delayed(deadline::after(delay));
        slot.member.node().emit(EventKind::Delayed { role, delay });
        self.set_timer(place, role);
    }

    pub(super) fn first_role(&self, place: Place) -> Role {
        self.slots.get(&place).map_or(Role::Worker, |slot| slot.member.role())
    }
}
