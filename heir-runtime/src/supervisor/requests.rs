//! What a supervisor is asked from outside.

use tokio::sync::{mpsc, oneshot};

use super::member::Member;
use super::report::{ChildError, StartError};
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

/// The way to a supervisor.
pub(super) struct Requests(pub(super) mpsc::UnboundedSender<Command>);

impl Superior for Requests {
    fn ask(&self, place: Place, what: Ask) {
        let _ = self.0.send(Command::Of(place, what));
    }
}
