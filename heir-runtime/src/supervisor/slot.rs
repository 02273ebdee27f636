//! A child in its supervisor: running, asked to stop, aborted, down.

use std::time::Duration;

use tokio::time::Instant;

use super::child::{Child, Task};
use crate::mailbox::Stopped;
use crate::worker::Shutdown;

/// How long an aborted child has to reach its next await, before it is called unresponsive.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// One child of a supervisor, and what it is doing.
pub(super) struct Slot {
    pub(super) child: Box<dyn Child>,
    pub(super) state: State,
    /// Once set, it is not started again.
    pub(super) finished: Option<Stopped>,
    /// Whether it is gone, with its partner, and everybody has been told.
    pub(super) retired: bool,
}

pub(super) enum State {
    Down,
    Running(Task),
    /// Asked to stop; aborted at this time, if ever.
    Asked(Task, Option<Instant>),
    /// Aborted; called unresponsive at this time.
    Aborted(Instant),
}

impl Slot {
    pub(super) fn new(child: Box<dyn Child>) -> Self {
        Self { child, state: State::Down, finished: None, retired: false }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asked(_, deadline) => *deadline,
            State::Aborted(deadline) => Some(*deadline),
            State::Down | State::Running(_) => None,
        }
    }

    /// It has ended, or is given up for ended.
    pub(super) fn stopped(&mut self) {
        self.state = State::Down;
        self.child.ended();
    }

    pub(super) fn ask_to_stop(&mut self) {
        let now = Instant::now();
        self.state = match std::mem::replace(&mut self.state, State::Down) {
            State::Running(mut task) => match self.child.shutdown() {
                Shutdown::Timeout(timeout) => {
                    // The child may be ending already: then nobody hears it.
                    task.stop.take().map(|stop| stop.send(()));
                    State::Asked(task, now.checked_add(timeout))
                }
                Shutdown::BrutalKill => {
                    task.abort.abort();
                    State::Aborted(now + GRACE)
                }
            },
            other => other,
        };
    }
}
