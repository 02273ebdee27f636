//! What a supervisor is asked from outside.

use std::collections::VecDeque;

use super::member::Member;
use super::queue::Queue;
use super::report::{ChildError, StartError};
use crate::exit::ExitReason;
use crate::reply::{Answer, WayBack};
use crate::superior::{Ask, Place, Superior};

/// What a supervisor is asked from outside. One that is dropped unheard drops the way back to whoever asks, and that is the answer.
pub(super) enum Command {
    /// A child asks for something that concerns itself.
    Of(Place, Ask),
    /// Stop everything.
    Shutdown,
    /// The end of this subtree, under way or to come, is for good: nobody is to wait for what has stopped already.
    EndsForGood,
    Add(Place, Box<dyn Member>, WayBack<Result<(), StartError>>),
    Terminate(Place, WayBack<()>),
    Restart(Place, WayBack<Result<Outcome, ChildError>>),
    Delete(Place, WayBack<Result<(), ChildError>>),
    Replace(Place, Box<dyn Member>, WayBack<()>),
}

/// How a start that has begun fails, or that it did not.
pub(super) type Outcome = Answer<Result<(), ChildError>>;

/// The manager of this child has ended, the one with this number, for this reason.
pub(super) type ManagerEnded = (Place, u64, ExitReason);

/// The way to a supervisor: open as long as there is one, or may be another.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) commands: Queue<Command>,
    pub(super) managers: Queue<ManagerEnded>,
}

impl Requests {
    /// The supervisor is gone for good: what nobody has heard is returned.
    pub(super) fn close(&self) -> VecDeque<Command> {
        drop(self.managers.close());
        self.commands.close()
    }
}

impl Superior for Requests {
    fn ask(&self, place: Place, what: Ask) {
        // Unheard: whoever closed the queue retires the child.
        let _ = self.commands.send(Command::Of(place, what));
    }

    fn manager_ended(&self, place: Place, life: u64, reason: ExitReason) {
        let _ = self.managers.send((place, life, reason));
    }
}
