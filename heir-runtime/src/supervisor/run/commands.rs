//! How a supervisor serves requests: of its handles, its children and its own supervisor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use crate::process::status::Stopped;
use crate::supervisor::child::Member;
use crate::supervisor::report::{ChildError, StartError};
use crate::supervisor::run::Run;
use crate::supervisor::run::ending::Ending;
use crate::supervisor::run::requests::{Addition, Command, Outcome};
use crate::supervisor::run::slot::{Goal, Slot, Starter};
use crate::tree::parent::{ChildId, ParentRequest};
use crate::util::reply::{ReplySender, reply};

/// How many children are added before the supervisor looks what else it has to do.
const AT_ONCE: usize = 64;

impl Run {
    pub(crate) fn on_command(&mut self, command: Command) {
        match command {
            Command::FromChild(id, ParentRequest::Stop(why)) => self.finish(id, &why),
            Command::FromChild(id, ParentRequest::Restart) => self.restart_between_messages(id),
            Command::Shutdown => self.end(Ending::Shutdown),
            Command::CloseInTurn => self.close_children_not_serving(),
            Command::AbortRest { late } => {
                // The request to stop may come after this one.
                self.end(Ending::Shutdown);
                self.abort_rest(late);
            }
            Command::Add(addition) => self.add(addition),
            Command::AddAll(additions) => self.add_all(additions),
            Command::Terminate(id, told) => self.terminate(id, told),
            Command::Restart(id, told) => self.restart(id, told),
            Command::Delete(id, told) => self.delete(id, told),
            Command::Replace(id, member, told) => self.replace(id, member, told),
        }
    }

    fn restart_between_messages(&mut self, id: ChildId) {
        match self.slots.get(&id).map(|slot| &slot.goal) {
            Some(Goal::Run) => self.set_goal(id, Goal::Restarting),
            Some(Goal::Terminated | Goal::GivenUp(_)) => self.run_again(id),
            Some(Goal::Restarting | Goal::Replaced(..) | Goal::Finished(_)) | None => {}
        }
    }

    /// Adds the first of many children; the others after what else the supervisor has to do.
    fn add_all(&mut self, mut additions: VecDeque<Addition>) {
        let rest = additions.split_off(additions.len().min(AT_ONCE));
        for addition in additions {
            self.add(addition);
        }
        if !rest.is_empty() {
            let _ = self.shared.request(Command::AddAll(rest));
        }
    }

    fn add(&mut self, Addition { id, member, told }: Addition) {
        let node = member.node();
        let refused = if let Some(ending) = &self.ending {
            Some(StartError::Stopped(ending.stopped()))
        } else if node.is_asked_to_stop() {
            // The request has come before the child, and found nobody to stop.
            Some(StartError::Stopped(Stopped::Shutdown))
        } else if !self.rules.dynamic && self.shared.children.has(node.name()) {
            Some(StartError::DuplicateName(Arc::clone(node.name())))
        } else {
            self.rules
                .check(node.name(), member.rules())
                .or_else(|| Arc::clone(&node).register_name().err().map(StartError::DuplicateRegistration))
        };
        let refused = refused.or_else(|| {
            let entered = self.shared.children.insert(id, Arc::clone(&node));
            (!entered).then_some(StartError::Stopped(Stopped::Dropped))
        });
        if let Some(error) = refused {
            self.shared.forget(id);
            if node.is_asked_to_stop() {
                node.retire(&Stopped::Shutdown);
            }
            // The child's handles tell that the child is gone before its caller is told.
            drop(member);
            told.answer(Err(error));
            return;
        }
        self.note_starter(id, Starter::Added(told));
        self.note_significance(id, member.rules());
        self.slots.insert(id, Box::new(Slot::new(member)));
        self.start_out_of_turn(id);
    }

    fn terminate(&mut self, id: ChildId, told: ReplySender<()>) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.tell_when_down(told);
        match slot.goal {
            Goal::Terminated | Goal::GivenUp(_) if slot.is_down() => slot.tell_down(),
            Goal::Run | Goal::Restarting => {
                let restart = slot.member.rules().restart;
                self.terminate_or_finish(id, restart);
            }
            // The replacement is terminated once it has taken the child's place.
            Goal::Terminated | Goal::GivenUp(_) | Goal::Replaced(..) | Goal::Finished(_) => {}
        }
    }

    fn restart(&mut self, id: ChildId, told: ReplySender<Result<Outcome, ChildError>>) {
        if self.is_being_given_up(id) {
            return self.serve_when_down(id, Command::Restart(id, told));
        }
        let refused = match self.slots.get(&id) {
            _ if self.ending.is_some() => Some(ChildError::Ending),
            None => Some(ChildError::Ended),
            Some(slot) => match slot.goal {
                Goal::Terminated | Goal::GivenUp(_) if slot.is_down() => None,
                Goal::Terminated | Goal::GivenUp(_) | Goal::Finished(_) => Some(ChildError::Ending),
                Goal::Run | Goal::Restarting | Goal::Replaced(..) => Some(ChildError::Running),
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
            self.note_starter(id, Starter::Restarted(starter));
        }
        self.run_again(id);
    }

    /// Starts a child again that is terminated or given up: at once if it is down, else as soon as it is.
    fn run_again(&mut self, id: ChildId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        self.shared.windows.forget(id);
        if slot.is_down() {
            slot.goal = Goal::Run;
            self.start_out_of_turn(id);
        } else {
            slot.restart_when_down = true;
        }
    }

    /// Whether the supervisor gives up on this child, which is not down yet.
    fn is_being_given_up(&self, id: ChildId) -> bool {
        self.slots.get(&id).is_some_and(|slot| matches!(slot.goal, Goal::GivenUp(_)) && !slot.is_down())
    }

    fn serve_when_down(&mut self, id: ChildId, command: Command) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.serve_when_down(command);
        }
    }

    fn delete(&mut self, id: ChildId, told: ReplySender<Result<(), ChildError>>) {
        if self.is_being_given_up(id) {
            return self.serve_when_down(id, Command::Delete(id, told));
        }
        let is_down = match self.slots.get(&id) {
            None => true,
            Some(slot) => matches!(slot.goal, Goal::Terminated | Goal::GivenUp(_)) && slot.is_down(),
        };
        if is_down {
            self.finish(id, &Stopped::Shutdown);
            self.shared.forget(id);
        }
        told.answer(if is_down { Ok(()) } else { Err(ChildError::Running) });
    }

    fn replace(&mut self, id: ChildId, member: Box<dyn Member>, told: ReplySender<()>) {
        let Some(slot) = self.slots.get(&id) else { return };
        if let Goal::Run | Goal::Restarting | Goal::Terminated | Goal::GivenUp(_) = slot.goal {
            slot.close(&Stopped::Upgraded);
            self.set_goal(id, Goal::Replaced(Box::new((member, told))));
        }
    }
}
