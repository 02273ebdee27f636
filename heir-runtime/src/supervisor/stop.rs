//! How children are stopped: in which order, how long they have, and what becomes of them.

use std::sync::Arc;

use tokio::time::Instant;

use super::report::StartError;
use super::run::{Ending, Run};
use super::slot::{Aim, State};
use crate::events::{EventKind, Role};
use crate::status::Stopped;
use crate::superior::Place;
use crate::worker::Restart;

impl Run {
    /// Stops everything, in reverse order; many of one kind together.
    pub(super) fn end(&mut self, ending: Ending) {
        if self.ending.is_some() {
            return;
        }
        if let Ending::GaveUp(reason) = &ending {
            self.emit(EventKind::GaveUp { reason: reason.clone() });
        }
        (self.cycle, self.awaited) = (None, None);
        if self.rules.is_root {
            self.branch.set_for_good(&ending.stopped());
        }
        self.ending = Some(ending);
        self.down_from = Place::MAX;
        self.close_who_has_stopped();
        if self.rules.dynamic {
            let places: Vec<_> = self.slots.keys().copied().collect();
            for place in places {
                self.stop(place);
            }
        } else {
            self.go_on_ending(Place::MAX);
        }
    }

    /// Why this end is one for good, if it is: then a worker is closed when it is asked to stop, or has ended.
    fn ends_for_good(&self) -> Option<&Stopped> {
        self.ending.as_ref().and_then(|_| self.branch.for_good())
    }

    /// If this end is for good, closes who will not serve any more, so that nobody waits for it. The others go on serving until it is
    /// their turn: who is stopped before them may still need them. Those of one kind are closed together.
    pub(super) fn close_who_has_stopped(&self) {
        let Some(why) = self.ends_for_good() else { return };
        for slot in self.slots.values() {
            match (&slot.first.state, slot.member.role()) {
                (State::Running, Role::Worker) if !self.rules.dynamic => {}
                (State::Running | State::Asked(_) | State::Aborted(_), Role::Supervisor) => {
                    slot.member.node().ends_for_good(why);
                }
                _ => slot.member.node().close(why),
            }
        }
    }

    /// If this end is for good, closes this child: it has ended.
    pub(super) fn close_for_good(&self, place: Place) {
        if let Some(why) = self.ends_for_good()
            && let Some(slot) = self.slots.get(&place)
        {
            slot.member.node().close(why);
        }
    }

    /// Stops what comes next, now that this child went down.
    pub(super) fn go_on_ending(&mut self, down: Place) {
        if self.rules.dynamic {
            self.stop(down);
            return;
        }
        while let Some((&place, _)) = self.slots.range(..self.down_from).next_back() {
            if !self.stop(place) {
                return;
            }
            self.down_from = place;
        }
    }

    /// Asks a child to stop, its manager first; says whether it is down.
    fn stop(&mut self, place: Place) -> bool {
        let Some(slot) = self.slots.get_mut(&place) else { return true };
        let mut roles = slot.roles();
        for role in slot.roles() {
            slot.forget_delay(place, role, &mut self.timers);
        }
        if slot.is_down() {
            return true;
        }
        roles.all(|role| self.stop_part(place, role))
    }

    /// Asks one task to stop; says whether it is down, or not even started yet.
    pub(super) fn stop_part(&mut self, place: Place, role: Role) -> bool {
        let Some(slot) = self.slots.get_mut(&place) else { return true };
        match slot.part(role).state {
            State::Down | State::Delayed(_) => return true,
            State::Running => {}
            State::Asked(..) | State::Aborted(_) => return false,
        }
        if role == Role::Worker {
            self.close_for_good(place);
        }
        let Some(slot) = self.slots.get_mut(&place) else { return true };
        let patience = slot.member.patience();
        slot.ask_to_stop(role, patience);
        if slot.part(role).is_down() {
            self.managers -= 1;
            return true;
        }
        self.timers.extend(slot.part(role).deadline().map(|deadline| (deadline, place, role)));
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
        match (&slot.first.state, slot.member.role()) {
            // It closes its children in their turn.
            (State::Running | State::Asked(_) | State::Aborted(_), Role::Supervisor) => {
                slot.member.node().ends_for_good(why);
            }
            _ => slot.member.node().close(why),
        }
        if !matches!(slot.aim, Aim::Finished(_)) {
            slot.aim = Aim::Finished(Box::new(why.clone()));
            self.significant.remove(&place);
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
                self.forget_delay(place, first);
                if self.stop_part(place, first) {
                    self.aim_to_run(place);
                    self.start_in_its_turn(place);
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
            Aim::Replaced(by) => {
                let (member, told) = *by;
                slot.tell(self.starters.remove(&place), StartError::Stopped(Stopped::Upgraded));
                slot.replace(member);
                slot.aim = Aim::Run;
                let (is_to_run, rules) = (slot.waiting.is_empty(), slot.member.rules());
                let node = slot.member.node();
                self.note_significance(place, rules);
                // A supervisor at work is not gone.
                let _open = self.branch.enter(place, node);
                told.answer(());
                if is_to_run {
                    self.start_in_its_turn(place);
                } else {
                    self.end_on_request(place, rules.restart);
                }
            }
            Aim::Terminated => {
                slot.tell(self.starters.remove(&place), StartError::Stopped(Stopped::Shutdown));
                slot.member.node().terminated();
                slot.tell_down();
                if std::mem::take(&mut slot.restarts) {
                    self.aim_to_run(place);
                    self.start_in_its_turn(place);
                }
            }
            Aim::Run | Aim::Renewed => {}
        }
    }

    pub(super) fn aim_to_run(&mut self, place: Place) {
        if let Some(slot) = self.slots.get_mut(&place) {
            slot.aim = Aim::Run;
        }
    }

    /// A child is terminated on request; one that is temporary has nothing to wait for.
    pub(super) fn end_on_request(&mut self, place: Place, restart: Restart) {
        match restart {
            Restart::Temporary => self.finish(place, &Stopped::Shutdown),
            _ => self.aim_at(place, Aim::Terminated),
        }
    }

    /// A child is gone for good.
    fn remove(&mut self, place: Place, why: &Stopped) {
        let Some(mut slot) = self.slots.remove(&place) else { return };
        if self.is_first_start_of(place) && *why != Stopped::Shutdown {
            self.end(Ending::NotStarted(StartError::Stopped(why.clone())));
        }
        // Before it is retired: whoever waits for that may start another one in its place.
        if self.rules.dynamic
            || slot.member.rules().restart == Restart::Temporary
            || slot.start_error.is_some()
        {
            self.branch.forget(place);
        }
        slot.member.node().retire(why);
        slot.tell(self.starters.remove(&place), StartError::Stopped(why.clone()));
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
            if slot.part(role).deadline() != Some(time) {
                continue;
            }
            match std::mem::take(&mut slot.part(role).state) {
                State::Delayed(_) if is_ending => {}
                State::Delayed(_) if cycles => self.go_on_cycling(),
                State::Delayed(_) => self.spawn(place, role),
                State::Asked(_) => {
                    slot.abort(role);
                    if is_ending {
                        self.overdue.aborted((name, role));
                    }
                    self.set_timer(place, role);
                }
                State::Aborted(_) => {
                    slot.is_held |= role != Role::Manager;
                    slot.member.left_behind(role);
                    self.overdue.left_behind((name, role));
                    match role {
                        Role::Manager => self.managers -= 1,
                        _ => {
                            if let Some(task) = slot.task.take() {
                                self.places.remove(&task.abort.id());
                            }
                        }
                    }
                    self.close_for_good(place);
                    self.went_down(place);
                }
                other => slot.part(role).state = other,
            }
        }
    }
}
