//! How children are stopped: in which order, with which deadlines, and what follows once they are
//! down.

use std::sync::Arc;

use tokio::time::Instant;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::report::StartError;
use crate::supervisor::run::Run;
use crate::supervisor::run::ending::Ending;
use crate::supervisor::run::patience::{GRACE, Patience};
use crate::supervisor::run::requests::Command;
use crate::supervisor::run::slot::{Goal, State};
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::ChildId;
use crate::util::deadline;
use crate::worker::Restart;
use crate::worker::Shutdown;

impl Run {
    /// Ends the supervisor: stops all children in reverse order, or together if it is dynamic. Only
    /// the first call counts.
    pub(crate) fn end(&mut self, ending: Ending) {
        if self.ending.is_some() {
            return;
        }
        if let Ending::GaveUp(reason) = &ending {
            self.shared.set_given_up();
            self.emit(EventKind::GaveUp { reason: reason.clone() });
        }
        (self.cycle, self.awaited) = (None, None);
        if self.rules.is_root {
            self.shared.set_for_good(&ending.stopped());
        }
        self.ending = Some(ending);
        self.down_from = ChildId::MAX;
        self.close_children_not_serving();
        match self.rules.bound {
            Some(Shutdown::BrutalKill) => return self.abort_rest(false),
            Some(Shutdown::Timeout(time)) => self.time_left = deadline::after(time).map(Patience::until),
            None => {}
        }
        if self.rules.dynamic {
            let children: Vec<_> = self.slots.keys().copied().collect();
            for id in children {
                self.stop(id);
            }
        } else {
            self.advance_ending(ChildId::MAX);
        }
    }

    /// Why the children end for good with this end, if they do. A worker is then closed when it is
    /// asked to stop, or at once if it does not serve.
    fn ends_for_good(&self) -> Option<&Stopped> {
        self.ending.as_ref().and_then(|_| self.shared.for_good())
    }

    /// At an end for good, closes the children that serve no more, so that no caller waits for
    /// them. The others serve until their turn to stop: the stop hooks of later siblings may still
    /// call them. A dynamic supervisor's children are all closed at once.
    pub(crate) fn close_children_not_serving(&self) {
        let Some(why) = self.ends_for_good() else { return };
        for slot in self.slots.values() {
            match (&slot.first.state, slot.member.role()) {
                (State::Running, Role::Worker) if !self.rules.dynamic => {}
                _ => slot.close(why),
            }
        }
    }

    /// At an end for good, closes this child, which stops or has ended.
    pub(crate) fn close_child(&self, id: ChildId) {
        if let Some(why) = self.ends_for_good()
            && let Some(slot) = self.slots.get(&id)
        {
            slot.close(why);
        }
    }

    /// Goes on ending, now that a task of the child `down` has ended: stops that child's next task,
    /// or the next child.
    pub(crate) fn advance_ending(&mut self, down: ChildId) {
        if self.rules.dynamic {
            self.stop(down);
            return;
        }
        while let Some((&id, _)) = self.slots.range(..self.down_from).next_back() {
            if !self.stop(id) {
                return;
            }
            self.down_from = id;
        }
    }

    /// Asks a child to stop, its manager first; says whether the child is down.
    fn stop(&mut self, id: ChildId) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else { return true };
        let mut roles = slot.roles();
        for role in slot.roles() {
            slot.forget_delay(id, role, &mut self.timers);
        }
        if slot.is_down() {
            return true;
        }
        roles.all(|role| self.stop_part(id, role))
    }

    /// Asks one task to stop; says whether it is down, or waits for its start.
    pub(crate) fn stop_part(&mut self, id: ChildId, role: Role) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else { return true };
        match slot.part(role).state {
            State::Down | State::Delayed(_) => return true,
            State::Running => {}
            State::Asked(..) | State::Aborted(_) => return false,
        }
        if role == Role::Worker {
            self.close_child(id);
        }
        let Some(slot) = self.slots.get_mut(&id) else { return true };
        let time_to_stop = slot.member.time_to_stop();
        slot.ask_to_stop(role, time_to_stop);
        if slot.part(role).is_down() {
            self.managers -= 1;
            return true;
        }
        self.timers.extend(slot.part(role).deadline().map(|deadline| (deadline, id, role)));
        false
    }

    /// Aborts every task that has not ended, as the time in which the tree is to end is over, or as
    /// there is none; the end then goes on as after any abort. If they are `late`, the report names
    /// the children.
    pub(crate) fn abort_rest(&mut self, late: bool) {
        let not_down = self.slots.iter().rev().filter(|(_, slot)| !slot.is_down());
        let children: Vec<_> = not_down.map(|(id, _)| *id).collect();
        for id in &children {
            for role in self.slots[id].roles() {
                self.abort_part(*id, role, late);
            }
        }
        for id in children {
            // A manager may be gone at once: nobody tells of its end.
            if self.slots.get(&id).is_some_and(|slot| slot.is_down()) {
                self.went_down(id);
            }
        }
    }

    fn abort_part(&mut self, id: ChildId, role: Role, late: bool) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.forget_delay(id, role, &mut self.timers);
        let was_asked = match slot.part(role).state {
            State::Running => false,
            State::Asked(_) => true,
            State::Down | State::Delayed(_) | State::Aborted(_) => return,
        };
        if slot.has_ended(role) {
            return;
        }
        if role == Role::Worker {
            self.close_child(id);
        }
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let is_overdue = match role {
            // It aborts its own children, which are named instead of it.
            Role::Supervisor => false,
            // It has nothing to do at its end, so one that was not asked is not late.
            Role::Manager => late && was_asked,
            Role::Worker => late && slot.member.rules().shutdown != Shutdown::BrutalKill,
        };
        if role == Role::Supervisor {
            slot.ask_to_stop(role, Shutdown::Timeout(GRACE * 2));
            slot.member.abort_rest(late);
        } else {
            slot.abort(role);
        }
        self.managers -= usize::from(role == Role::Manager && slot.part(role).is_down());
        if is_overdue {
            let node = slot.member.node();
            self.overdue.aborted(Arc::clone(node.name()), role);
            node.emit(EventKind::Aborted { role });
        }
        self.set_timer(id, role);
    }

    /// Stops a child for good, and goes on with the cycle.
    pub(crate) fn finish(&mut self, id: ChildId, why: &Stopped) {
        self.begin_finish(id, why);
        self.advance_cycle();
    }

    /// As [`finish`](Self::finish), for a caller that advances the cycle itself.
    ///
    /// If the supervisor's own start waits for the child, the start fails, unless somebody asked
    /// for the child's end.
    pub(crate) fn begin_finish(&mut self, id: ChildId, why: &Stopped) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.close(why);
        if !matches!(slot.goal, Goal::Finished(_)) {
            slot.goal = Goal::Finished(Box::new(why.clone()));
            let has_been_up = slot.member.node().has_been_up();
            self.significant.remove(&id);
            if self.is_first_start_of(id) && !has_been_up && *why != Stopped::Shutdown {
                return self.end(Ending::NotStarted(StartError::Stopped(why.clone())));
            }
            self.advance_goal(id);
        }
    }

    /// Gives a child another goal, and does what can be done for it at once.
    pub(crate) fn set_goal(&mut self, id: ChildId, goal: Goal) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.goal = goal;
        self.advance_goal(id);
        self.advance_cycle();
    }

    /// Does the next step to the child's goal: stops what has still to stop, and, if the child is
    /// down, finishes, replaces, terminates or restarts it.
    pub(crate) fn advance_goal(&mut self, id: ChildId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let first = slot.member.role();
        match slot.goal {
            Goal::Run => return,
            Goal::Restarting => {
                self.forget_delay(id, first);
                if self.stop_part(id, first) {
                    if let Some(slot) = self.slots.get_mut(&id) {
                        (slot.goal, slot.manager_stayed) = (Goal::Run, true);
                    }
                    self.start_in_turn(id);
                }
                return;
            }
            Goal::Terminated | Goal::GivenUp(_) | Goal::Replaced(..) | Goal::Finished(_) => {}
        }
        if !self.stop(id) {
            return;
        }
        let Some(slot) = self.slots.get_mut(&id) else { return };
        match std::mem::replace(&mut slot.goal, Goal::Terminated) {
            Goal::Finished(why) => self.remove(id, &why),
            Goal::Replaced(by) => {
                let (member, told) = *by;
                slot.tell(self.starters.remove(&id), StartError::Stopped(Stopped::Upgraded));
                slot.replace(member);
                self.shared.windows.forget(id);
                slot.goal = Goal::Run;
                self.given_up -= usize::from(slot.take_given_up());
                let (is_to_run, rules) = (slot.down_waiters.is_empty(), slot.member.rules());
                let (node, waiting) = (slot.member.node(), slot.take_waiting());
                self.note_significance(id, rules);
                // This cannot be refused: only a supervisor that is gone for good takes no child.
                let _open = self.shared.children.insert(id, node);
                told.answer(());
                if is_to_run {
                    self.start_in_turn(id);
                } else {
                    self.terminate_or_finish(id, rules.restart);
                }
                self.serve(waiting);
            }
            Goal::Terminated => {
                slot.tell(self.starters.remove(&id), StartError::Stopped(Stopped::Shutdown));
                slot.member.node().terminated();
                self.is_down_until_asked_for(id);
            }
            Goal::GivenUp(reason) => {
                let error = StartError::Stopped(Stopped::GaveUp(ExitReason::clone(&reason)));
                slot.tell(self.starters.remove(&id), error);
                slot.member.node().gave_up(&reason);
                slot.goal = Goal::GivenUp(reason);
                self.is_down_until_asked_for(id);
            }
            Goal::Run | Goal::Restarting => {}
        }
    }

    /// A child that was terminated or given up is down: tells the callers that wait for that, and
    /// starts it again if it has been asked for meanwhile.
    fn is_down_until_asked_for(&mut self, id: ChildId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.tell_down();
        let waiting = slot.take_waiting();
        if std::mem::take(&mut slot.restart_when_down) {
            slot.goal = Goal::Run;
            self.start_in_turn(id);
        }
        self.serve(waiting);
    }

    /// Serves the requests that have waited until a child is down.
    fn serve(&mut self, waiting: Vec<Command>) {
        for command in waiting {
            self.on_command(command);
        }
    }

    /// Terminates a child on request. A temporary child is never restarted: it is finished instead.
    pub(crate) fn terminate_or_finish(&mut self, id: ChildId, restart: Restart) {
        match restart {
            Restart::Temporary => self.finish(id, &Stopped::Shutdown),
            _ => self.set_goal(id, Goal::Terminated),
        }
    }

    /// Removes a child that has ended for good and is down.
    fn remove(&mut self, id: ChildId, why: &Stopped) {
        let Some(mut slot) = self.slots.remove(&id) else { return };
        self.shared.windows.forget(id);
        self.given_up -= usize::from(slot.take_given_up());
        // Before it is retired: whoever waits for that may start another one in its place.
        if self.rules.dynamic
            || slot.member.rules().restart == Restart::Temporary
            || slot.has_failed_to_start()
        {
            self.shared.forget(id);
        }
        slot.member.node().retire(why);
        slot.tell(self.starters.remove(&id), StartError::Stopped(why.clone()));
        slot.tell_down();
        self.serve(slot.take_waiting());
    }

    /// Starts the tasks whose delay is over, aborts those that did not stop in time, and leaves
    /// behind those that do not even end when they are aborted.
    ///
    /// A task that has ended is left alone: the supervisor has still to hear of its end.
    pub(crate) fn meet_deadlines(&mut self) {
        let now = Instant::now();
        if let Some(left) = self.time_left
            && left.next() <= now
        {
            self.time_left = left.look(now);
            if self.time_left.is_none() {
                self.abort_rest(true);
            }
        }
        while let Some((time, id, role)) = self.timers.pop_first() {
            if time > now {
                self.timers.insert((time, id, role));
                return;
            }
            let (is_ending, cycles) = (self.ending.is_some(), self.is_stopped_to_cycle(id, role));
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            let name = Arc::clone(slot.member.node().name());
            if slot.part(role).deadline() != Some(time) {
                continue;
            }
            if let Some(next) = slot.part(role).next_deadline(now) {
                self.timers.insert((next, id, role));
                continue;
            }
            let has_ended = slot.has_ended(role);
            match std::mem::take(&mut slot.part(role).state) {
                State::Delayed(_) if is_ending => {}
                State::Delayed(_) if cycles => self.advance_cycle(),
                State::Delayed(_) => self.spawn(id, role),
                State::Asked(_) if !has_ended => {
                    slot.abort(role);
                    slot.member.node().emit(EventKind::Aborted { role });
                    if is_ending {
                        self.overdue.aborted(name, role);
                    }
                    self.set_timer(id, role);
                }
                State::Aborted(_) if !has_ended => {
                    slot.is_held |= role != Role::Manager;
                    slot.member.left_behind(role);
                    self.overdue.left_behind(name, role);
                    match role {
                        Role::Manager => self.managers -= 1,
                        _ => {
                            if let Some(task) = slot.task.take() {
                                self.child_of_task.remove(&task.abort.id());
                            }
                        }
                    }
                    self.close_child(id);
                    self.went_down(id);
                }
                other => slot.part(role).state = other,
            }
        }
    }
}
