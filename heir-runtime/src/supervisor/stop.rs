//! How children are stopped: in which order, how long they have, and what becomes of them.

use std::sync::Arc;

use tokio::time::Instant;

use super::report::StartError;
use super::run::{Ending, Run};
use super::slot::{Aim, State};
use crate::events::{EventKind, Role};
use crate::mailbox::Stopped;
use crate::post::Place;
use crate::worker::Restart;

impl Run {
    /// Stops everything, in reverse order; many of one kind together. A root's senders are all told at once.
    pub(super) fn end(&mut self, ending: Ending) {
        if self.ending.is_some() {
            return;
        }
        if let Ending::GaveUp(reason) = &ending {
            self.emit(EventKind::GaveUp { reason: reason.clone() });
        }
        (self.cycle, self.awaited) = (None, None);
        if self.rules.is_root {
            self.branch.close_all(&ending.stopped());
        }
        self.ending = Some(ending);
        self.go_on_ending(None);
    }

    /// Stops what comes next: after this child went down, or to begin with.
    pub(super) fn go_on_ending(&mut self, after: Option<Place>) {
        let places: Vec<_> = match after {
            Some(place) if self.rules.dynamic => vec![place],
            _ => self.slots.keys().rev().copied().collect(),
        };
        for place in places {
            if !self.stop(place) && !self.rules.dynamic {
                return;
            }
        }
    }

    /// Asks a child to stop, its manager first; says whether it is down.
    fn stop(&mut self, place: Place) -> bool {
        let Some(slot) = self.slots.get_mut(&place) else { return true };
        let mut roles = slot.roles();
        for role in slot.roles() {
            slot.part(role).forget_delay();
        }
        roles.all(|role| self.stop_part(place, role))
    }

    /// Asks one task to stop; says whether it is down, or not even started yet.
    pub(super) fn stop_part(&mut self, place: Place, role: Role) -> bool {
        let Some(slot) = self.slots.get_mut(&place) else { return true };
        let patience = slot.member.patience();
        let part = slot.part(role);
        match part.state {
            State::Down | State::Delayed(_) => return true,
            State::Running(_) => {}
            State::Asked(..) | State::Aborted(_) => return false,
        }
        part.ask_to_stop(patience);
        self.set_timer(place, role);
        false
    }

    /// Stops a child for good.
    pub(super) fn finish(&mut self, place: Place, why: &Stopped) {
        self.begin_finish(place, why);
        self.go_on_cycling();
    }

    /// As [`finish`](Self::finish), for one who goes on cycling anyway.
    pub(super) fn begin_finish(&mut self, place: Place, why: &Stopped) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        slot.member.node().close(why);
        if !matches!(slot.aim, Aim::Finished(_)) {
            slot.aim = Aim::Finished(why.clone());
            self.go_on_with(place);
        }
    }

    /// Something else is to become of a child than it was.
    pub(super) fn aim_at(&mut self, place: Place, aim: Aim) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        slot.aim = aim;
        self.go_on_with(place);
        self.go_on_cycling();
    }

    /// What is to become of a child, if it is down as far as that takes.
    pub(super) fn go_on_with(&mut self, place: Place) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        let first = slot.member.role();
        match slot.aim {
            Aim::Run => return,
            Aim::Renewed => {
                slot.first.forget_delay();
                if self.stop_part(place, first) {
                    self.renew(place, first);
                }
                return;
            }
            Aim::Terminated | Aim::Replaced(..) | Aim::Finished(_) => {}
        }
        if !self.stop(place) {
            return;
        }
        let Some(slot) = self.slots.get_mut(&place) else { return };
        match std::mem::replace(&mut slot.aim, Aim::Terminated) {
            Aim::Finished(why) => self.remove(place, &why),
            Aim::Replaced(member, told) => {
                slot.replace(member);
                self.branch.enter(place, slot.member.node());
                slot.aim = Aim::Run;
                let _ = told.send(());
                self.start_unless_ending(place);
            }
            Aim::Terminated => {
                slot.member.node().terminated();
                slot.tell_down();
            }
            Aim::Run | Aim::Renewed => {}
        }
    }

    fn renew(&mut self, place: Place, first: Role) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        slot.aim = Aim::Run;
        if self.ending.is_none() {
            self.spawn(place, first);
        }
    }

    pub(super) fn start_unless_ending(&mut self, place: Place) {
        if self.ending.is_none() {
            self.start(place);
        }
    }

    /// A child is gone for good.
    fn remove(&mut self, place: Place, why: &Stopped) {
        let Some(mut slot) = self.slots.remove(&place) else { return };
        if self.is_first_start_of(place) && *why != Stopped::Shutdown {
            self.end(Ending::NotStarted(StartError::Stopped(why.clone())));
        }
        // Before it is retired: whoever waits for that may start another one in its place.
        if self.rules.dynamic || slot.rules.restart == Restart::Temporary {
            self.branch.forget(place);
        }
        slot.member.node().retire(why);
        slot.tell_down();
    }

    /// Starts what has waited for long enough, aborts what did not stop in time, and leaves behind what does not even abort.
    pub(super) fn meet_deadlines(&mut self) {
        let now = Instant::now();
        while let Some((time, place, role)) = self.timers.pop_first() {
            if time > now {
                self.timers.insert((time, place, role));
                return;
            }
            let (is_ending, cycles) = (self.ending.is_some(), self.is_stopped_to_cycle(place, role));
            let Some(slot) = self.slots.get_mut(&place) else { continue };
            let name = Arc::clone(slot.member.node().name());
            let part = slot.part(role);
            if part.deadline() != Some(time) {
                continue;
            }
            match std::mem::take(&mut part.state) {
                State::Delayed(_) if is_ending => {}
                State::Delayed(_) if cycles => self.go_on_cycling(),
                State::Delayed(_) => self.spawn(place, role),
                State::Asked(task, _) => {
                    part.abort(&task);
                    self.overdue.aborted.push((name, role));
                    self.set_timer(place, role);
                }
                State::Aborted(_) => {
                    slot.is_held |= role != Role::Manager;
                    slot.member.left_behind(role);
                    self.overdue.unresponsive.push((name, role));
                    self.places.retain(|_, held| *held != (place, role));
                    self.went_down(place);
                }
                other => part.state = other,
            }
        }
    }
}
