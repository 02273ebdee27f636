//! How a supervisor does what it is asked from outside.

use std::sync::Arc;
use std::task::Waker;

use super::member::Member;
use super::report::{ChildError, StartError};
use super::requests::{Command, Outcome};
use super::run::{Ending, Run};
use super::slot::{Aim, Slot, Starter};
use crate::reply::{WayBack, reply};
use crate::status::Stopped;
use crate::superior::{Ask, Place};

impl Run {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Of(place, Ask::Stop(why)) => self.finish(place, &why),
            Command::Of(place, Ask::Renew) => self.renew_child(place),
            Command::Shutdown => self.end(Ending::Shutdown),
            Command::EndsForGood => self.close_who_has_stopped(),
            Command::Add(place, member, told) => self.add(place, member, told),
            Command::Terminate(place, told) => self.terminate(place, told),
            Command::Restart(place, told) => self.restart(place, told),
            Command::Delete(place, told) => self.delete(place, told),
            Command::Replace(place, member, told) => self.replace(place, member, told),
        }
    }

    fn renew_child(&mut self, place: Place) {
        match self.slots.get(&place).map(|slot| &slot.aim) {
            Some(Aim::Run) => self.aim_at(place, Aim::Renewed),
            Some(Aim::Terminated) => self.run_again(place),
            Some(Aim::Renewed | Aim::Replaced(..) | Aim::Finished(_)) | None => {}
        }
    }

    fn add(&mut self, place: Place, member: Box<dyn Member>, told: WayBack<Result<(), StartError>>) {
        let node = member.node();
        let refused = if let Some(ending) = &self.ending {
            Some(StartError::Stopped(ending.stopped()))
        } else if !self.rules.dynamic && self.branch.has_child(node.name()) {
            Some(StartError::DuplicateName(Arc::clone(node.name())))
        } else {
            self.rules
                .check(node.name(), member.rules())
                .or_else(|| Arc::clone(&node).enlist().err().map(StartError::DuplicateRegistration))
        };
        let refused = refused.or_else(|| {
            let entered = self.branch.enter(place, Arc::clone(&node));
            (!entered).then_some(StartError::Stopped(Stopped::Dropped))
        });
        if let Some(error) = refused {
            self.branch.forget(place);
            node.retire(&Stopped::Dropped);
            told.answer(Err(error));
            return;
        }
        self.expect(place, Starter::Added(told));
        self.note_significance(place, member.rules());
        self.slots.insert(place, Box::new(Slot::new(member)));
        self.start_on_request(place);
    }

    fn terminate(&mut self, place: Place, told: WayBack<()>) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        slot.tell_when_down(told);
        match slot.aim {
            Aim::Terminated if slot.is_down() => slot.tell_down(),
            Aim::Run | Aim::Renewed => {
                let restart = slot.member.rules().restart;
                self.end_on_request(place, restart);
            }
            // Once the other one has its place, that is terminated.
            Aim::Terminated | Aim::Replaced(..) | Aim::Finished(_) => {}
        }
    }

    fn restart(&mut self, place: Place, told: WayBack<Result<Outcome, ChildError>>) {
        let refused = match self.slots.get(&place) {
            _ if self.ending.is_some() => Some(ChildError::Ending),
            None => Some(ChildError::Ended),
            Some(slot) => match slot.aim {
                Aim::Terminated if slot.is_down() => None,
                Aim::Terminated | Aim::Finished(_) => Some(ChildError::Ending),
                Aim::Run | Aim::Renewed | Aim::Replaced(..) => Some(ChildError::Running),
            },
        };
        if let Some(error) = refused {
            told.answer(Err(error));
            return;
        }
        let (starter, outcome) = reply(Waker::noop().clone());
        let is_awaited = !told.is_for_nobody();
        told.answer(Ok(outcome));
        if is_awaited {
            self.expect(place, Starter::Restarted(starter));
        }
        self.run_again(place);
    }

    /// Starts a child that was terminated.
    fn run_again(&mut self, place: Place) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        if slot.is_down() {
            slot.aim = Aim::Run;
            self.start_on_request(place);
        } else {
            slot.restarts = true;
        }
    }

    fn delete(&mut self, place: Place, told: WayBack<Result<(), ChildError>>) {
        let is_down = match self.slots.get(&place) {
            None => true,
            Some(slot) => matches!(slot.aim, Aim::Terminated) && slot.is_down(),
        };
        if is_down {
            self.finish(place, &Stopped::Shutdown);
            self.branch.forget(place);
        }
        told.answer(if is_down { Ok(()) } else { Err(ChildError::Running) });
    }

    fn replace(&mut self, place: Place, member: Box<dyn Member>, told: WayBack<()>) {
        let Some(slot) = self.slots.get(&place) else { return };
        if let Aim::Run | Aim::Renewed | Aim::Terminated = slot.aim {
            slot.member.node().close(&Stopped::Upgraded);
            self.aim_at(place, Aim::Replaced(Box::new((member, told))));
        }
    }
}
