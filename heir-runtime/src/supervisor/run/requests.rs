//! The queues of requests to a supervisor.

use std::collections::VecDeque;

use crate::process::exit::ExitReason;
use crate::supervisor::child::Member;
use crate::supervisor::report::{ChildError, StartError};
use crate::tree::parent::{ChildId, ParentLink, ParentRequest};
use crate::util::queue::Queue;
use crate::util::reply::{ReplyReceiver, ReplySender};

/// A request to a supervisor. A request that is dropped unserved drops its reply channel, which
/// tells the caller that it was not served.
pub(crate) enum Command {
    /// A child asks to be stopped or restarted.
    FromChild(ChildId, ParentRequest),
    /// Stop all children, and end.
    Shutdown,
    /// The current end of this subtree, or its next one, is for good: close the children that have
    /// stopped already, so that no caller waits for them.
    CloseInTurn,
    /// The time in which the tree is to end is over: end, and abort all children that have not
    /// ended. Says whether they are late, or were not to have time to stop.
    AbortRest {
        late: bool,
    },
    Add(Addition),
    AddAll(VecDeque<Addition>),
    Terminate(ChildId, ReplySender<()>),
    Restart(ChildId, ReplySender<Result<Outcome, ChildError>>),
    Delete(ChildId, ReplySender<Result<(), ChildError>>),
    Replace(ChildId, Box<dyn Member>, ReplySender<()>),
}

/// One more child, and the caller that waits for its start.
pub(crate) struct Addition {
    pub(crate) id: ChildId,
    pub(crate) member: Box<dyn Member>,
    pub(crate) told: ReplySender<Result<(), StartError>>,
}

/// Tells the caller of `restart_child`, after the start has begun, how it failed, if it did.
pub(crate) type Outcome = ReplyReceiver<Result<(), ChildError>>;

/// The manager of this child, with this number, has ended for this reason.
pub(crate) type ManagerEnded = (ChildId, u64, ExitReason);

/// The queues through which a supervisor is reached: open until it is gone for good, also while it
/// is down between two lives.
#[derive(Default)]
pub(crate) struct Requests {
    pub(crate) commands: Queue<Command>,
    pub(crate) managers: Queue<ManagerEnded>,
}

impl Requests {
    /// Closes the queues, as the supervisor is gone for good; returns the requests that it has not
    /// served.
    pub(crate) fn close(&self) -> VecDeque<Command> {
        drop(self.managers.close());
        self.commands.close()
    }
}

impl ParentLink for Requests {
    fn ask(&self, id: ChildId, what: ParentRequest) {
        // The queue is closed only by `retire_all`, which retires the child.
        let _ = self.commands.send(Command::FromChild(id, what));
    }

    fn manager_ended(&self, id: ChildId, life: u64, reason: ExitReason) {
        let _ = self.managers.send((id, life, reason));
    }
}
