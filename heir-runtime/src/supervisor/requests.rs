//! What a supervisor is asked from outside.

use tokio::sync::{mpsc, oneshot};

use super::member::Member;
use super::report::{ChildError, StartError};
use crate::exit::ExitReason;
use crate::superior::{Ask, Place, Superior};

/// What a supervisor is asked from outside.
pub(super) enum Command {
    /// A child asks for something that concerns itself.
    Of(Place, Ask),
    /// Stop everything.
    Shutdown,
    Add(Place, Box<dyn Member>, oneshot::Sender<Result<(), StartError>>),
    Terminate(Place, oneshot::Sender<()>),
    Restart(Place, oneshot::Sender<Result<(), ChildError>>),
    Delete(Place, oneshot::Sender<Result<(), ChildError>>),
    Replace(Place, Box<dyn Member>, oneshot::Sender<()>),
}

/// The manager of this child has ended, the one with this number, for this reason.
pub(super) type ManagerEnded = (Place, u64, ExitReason);

/// The way to a supervisor.
pub(super) struct Requests {
    commands: mpsc::UnboundedSender<Command>,
    managers: mpsc::UnboundedSender<ManagerEnded>,
}

/// Where a supervisor gets them.
pub(super) struct Inbox {
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) managers: mpsc::UnboundedReceiver<ManagerEnded>,
}

impl Requests {
    pub(super) fn new() -> (Self, Inbox) {
        let (commands, asked) = mpsc::unbounded_channel();
        let (managers, ended) = mpsc::unbounded_channel();
        (Self { commands, managers }, Inbox { commands: asked, managers: ended })
    }

    /// The error is that the supervisor is gone.
    pub(super) fn send(&self, command: Command) -> Result<(), ChildError> {
        self.commands.send(command).map_err(|_| ChildError::Gone)
    }
}

impl Superior for Requests {
    fn ask(&self, place: Place, what: Ask) {
        let _ = self.commands.send(Command::Of(place, what));
    }

    fn manager_ended(&self, place: Place, life: u64, reason: ExitReason) {
        let _ = self.managers.send((place, life, reason));
    }
}
