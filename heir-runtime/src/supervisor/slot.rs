//! A child in its supervisor: what its tasks do, and what is to become of it.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::member::{Member, Rules, Task};
use super::report::{ChildError, StartError};
use crate::events::Role;
use crate::status::Stopped;
use crate::worker::{Row, Shutdown};

/// How long an aborted task has to reach its next await, before it is called unresponsive.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// One child of a supervisor.
pub(super) struct Slot {
    pub(super) member: Box<dyn Member>,
    pub(super) rules: Rules,
    /// The worker, or a supervisor.
    pub(super) first: Part,
    /// A worker's manager.
    pub(super) manager: Option<Part>,
    pub(super) aim: Aim,
    /// Whoever waits for it to be down.
    pub(super) waiting: Vec<oneshot::Sender<()>>,
    /// Whether its tables may still be held by a worker that was left behind.
    pub(super) is_held: bool,
    /// Whoever waits for its first start, while that may still fail.
    pub(super) starter: Option<Starter>,
    /// How that failed: told when it is down.
    pub(super) start_error: Option<StartError>,
    /// Whether it was asked for again while it was being terminated.
    pub(super) restarts: bool,
}

/// One of the tasks of a child.
#[derive(Default)]
pub(super) struct Part {
    pub(super) state: State,
    pub(super) row: Row,
}

#[derive(Default)]
pub(super) enum State {
    #[default]
    Down,
    /// Started at this time: its back-off.
    Delayed(Instant),
    Running(Task),
    /// Asked to stop; aborted at this time, if ever.
    Asked(Task, Option<Instant>),
    /// Aborted; called unresponsive at this time.
    Aborted(Instant),
}

/// What is to become of a child.
pub(super) enum Aim {
    /// It runs, and is started again as its restart type says.
    Run,
    /// It is stopped between two messages, and started again.
    Renewed,
    /// It is stopped until it is asked for.
    Terminated,
    /// It is stopped, and the other takes its place.
    Replaced(Box<dyn Member>, oneshot::Sender<()>),
    /// It is stopped for good.
    Finished(Stopped),
}

/// Who waits for a start, and what becomes of a child that does not get up.
pub(super) enum Starter {
    /// It is gone.
    Added(oneshot::Sender<Result<(), StartError>>),
    /// It stays terminated.
    Restarted(oneshot::Sender<Result<(), ChildError>>),
}

impl Slot {
    pub(super) fn new(member: Box<dyn Member>) -> Self {
        let manager = (member.role() == Role::Worker).then(Part::default);
        let (rules, first) = (member.rules(), Part::default());
        Self {
            member,
            rules,
            first,
            manager,
            aim: Aim::Run,
            waiting: Vec::new(),
            is_held: false,
            starter: None,
            restarts: false,
            start_error: None,
        }
    }

    /// Another child takes this one's place: its own is gone, but the tables are not.
    pub(super) fn replace(&mut self, mut member: Box<dyn Member>) {
        self.tell_starter(StartError::Stopped(Stopped::Upgraded));
        self.member.node().hand_over();
        member.take_over();
        // The name is free: the one before had it, if anybody did.
        let _ = member.node().enlist();
        self.rules = member.rules();
        self.member = member;
    }

    /// It is down: whoever waits for that is told.
    pub(super) fn tell_down(&mut self) {
        for told in self.waiting.drain(..) {
            let _ = told.send(());
        }
    }

    /// It has been stopped: whoever waits for its start is told, unless it was up.
    pub(super) fn tell_starter(&mut self, error: StartError) {
        let error = self.start_error.take().unwrap_or(error);
        let told = if self.member.node().has_been_up() { Ok(()) } else { Err(error) };
        match self.starter.take() {
            Some(Starter::Added(starter)) => drop(starter.send(told)),
            Some(Starter::Restarted(starter)) => drop(starter.send(told.map_err(ChildError::from))),
            None => {}
        }
    }

    pub(super) fn part(&mut self, role: Role) -> &mut Part {
        match (role, &mut self.manager) {
            (Role::Manager, Some(manager)) => manager,
            _ => &mut self.first,
        }
    }

    /// Its tasks, in the order in which they are stopped.
    pub(super) fn roles(&self) -> impl Iterator<Item = Role> + use<> {
        self.manager.is_some().then_some(Role::Manager).into_iter().chain([self.member.role()])
    }

    pub(super) fn is_down(&self) -> bool {
        self.first.is_down() && self.manager.as_ref().is_none_or(Part::is_down)
    }

    /// Whether it is to run, and is not being stopped for anything.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.aim, Aim::Run)
    }
}

impl Part {
    /// Whether it neither runs nor is about to.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    /// Whether it is neither down nor on its way down.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// When something is to be done about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asked(_, deadline) => *deadline,
            State::Delayed(time) | State::Aborted(time) => Some(*time),
            State::Down | State::Running(_) => None,
        }
    }

    /// Asks it to stop.
    pub(super) fn ask_to_stop(&mut self, shutdown: Shutdown) {
        self.state = match std::mem::take(&mut self.state) {
            State::Running(mut task) => match shutdown {
                Shutdown::Timeout(timeout) => {
                    // It may be ending already: then nobody hears it.
                    drop(task.stop.take());
                    State::Asked(task, Instant::now().checked_add(timeout))
                }
                Shutdown::BrutalKill => return self.abort(&task),
            },
            other => other,
        };
    }

    /// Kills it.
    pub(super) fn abort(&mut self, task: &Task) {
        task.abort.abort();
        self.state = State::Aborted(Instant::now() + GRACE);
    }
}
