//! What a supervisor is asked from outside.

use std::collections::VecDeque;

use crate::process::exit::ExitReason;
use crate::supervisor::child::Member;
use crate::supervisor::report::{ChildError, StartError};
use crate::tree::parent::{ChildId, ParentLink, ParentRequest};
use crate::util::queue::Queue;
use crate::util::reply::{ReplyReceiver, ReplySender};

/// What a supervisor is asked from outside. One that is dropped unheard drops the way back to whoever asks, and that is the answer.
pub(crate) enum Command {
    /// A child asks for something that concerns itself.
    Of(ChildId, ParentRequest),
    /// Stop everything.
    Shutdown,
    /// The end of this subtree, under way or to come, is for good: nobody is to wait for what has stopped already.
    EndsForGood,
    Add(ChildId, Box<dyn Member>, ReplySender<Result<(), StartError>>),
    Terminate(ChildId, ReplySender<()>),
    Restart(ChildId, ReplySender<Result<Outcome, ChildError>>),
    Delete(ChildId, ReplySender<Result<(), ChildError>>),
    Replace(ChildId, Box<dyn Member>, ReplySender<()>),
}

/// How a start that has begun fails, or that it did not.
pub(crate) type Outcome = ReplyReceiver<Result<(), ChildError>>;

/// The manager of this child has ended, the one with this number, for this reason.
pub(crate) type ManagerEnded = (ChildId, u64, ExitReason);

/// The way to a supervisor: open as long as there is one, or may be another.
#[derive(Default)]
pub(crate) struct Requests {
    pub(crate) commands: Queue<Command>,
    pub(crate) managers: Queue<ManagerEnded>,
}

impl Requests {
    /// The supervisor is gone for good: what nobody has heard is returned.
    pub(crate) fn close(&self) -> VecDeque<Command> {
        drop(self.managers.close());
        self.commands.close()
    }
}

impl ParentLink for Requests {
    fn ask(&self, id: ChildId, what: ParentRequest) {
        // Unheard: whoever closed the queue retires the child.
        let _ = self.commands.send(Command::Of(id, what));
    }

    fn manager_ended(&self, id: ChildId, life: u64, reason: ExitReason) {
        let _ = self.managers.send((id, life, reason));
    }
}
