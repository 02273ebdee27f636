//! A child in its supervisor: what its tasks do, and what is to become of it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::member::{Member, Task};
use super::report::{ChildError, StartError};
use crate::deadline;
use crate::events::Role;
use crate::status::Stopped;
use crate::superior::Place;
use crate::worker::{Backoff, Row, Shutdown};

/// How long an aborted task has to reach its next await, before it is called unresponsive.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// One child of a supervisor.
pub(super) struct Slot {
    pub(super) member: Box<dyn Member>,
    /// The worker, or a supervisor.
    pub(super) first: Part,
    /// Its task, until it is aborted, or down.
    pub(super) task: Option<Task>,
    /// A worker's manager.
    pub(super) manager: Option<Part>,
    pub(super) aim: Aim,
    /// Whoever waits for it to be down.
    pub(super) waiting: Vec<oneshot::Sender<()>>,
    /// Whether its tables may still be held by a worker that was left behind.
    pub(super) is_held: bool,
    /// How its start failed: told when it is down.
    pub(super) start_error: Option<Box<StartError>>,
    /// Whether it was asked for again while it was being terminated.
    pub(super) restarts: bool,
}

/// A worker, its manager, or a supervisor.
#[derive(Default)]
pub(super) struct Part {
    pub(super) state: State,
    /// Counted where somebody asks for it.
    row: Option<Box<Row>>,
}

#[derive(Default)]
pub(super) enum State {
    #[default]
    Down,
    /// Started at this time, if ever: its back-off.
    Delayed(Option<Instant>),
    Running,
    /// Asked to stop; aborted at this time, if ever.
    Asked(Option<Instant>),
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
    Replaced(Box<(Box<dyn Member>, oneshot::Sender<()>)>),
    /// It is stopped for good.
    Finished(Box<Stopped>),
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
        Self {
            member,
            first: Part::default(),
            task: None,
            manager,
            aim: Aim::Run,
            waiting: Vec::new(),
            is_held: false,
            restarts: false,
            start_error: None,
        }
    }

    /// Another child takes this one's place: its own is gone, but the tables are not.
    pub(super) fn replace(&mut self, mut member: Box<dyn Member>) {
        self.member.node().hand_over();
        member.take_over();
        // The name is free: the one before had it, if anybody did.
        let _ = member.node().enlist();
        self.member = member;
    }

    /// Somebody waits for it to be down.
    pub(super) fn tell_when_down(&mut self, told: oneshot::Sender<()>) {
        // Those that nobody waits for any more go when there is no room left; then as many come as
        // there are before the next time.
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|told| !told.is_closed());
            self.waiting.reserve(self.waiting.len());
        }
        self.waiting.push(told);
    }

    /// It is down: whoever waits for that is told.
    pub(super) fn tell_down(&mut self) {
        for told in self.waiting.drain(..) {
            let _ = told.send(());
        }
    }

    /// It has been stopped: whoever waits for its start is told, unless it was up.
    pub(super) fn tell(&mut self, starter: Option<Starter>, error: StartError) {
        let error = self.start_error.take().map_or(error, |error| *error);
        let told = if self.member.node().has_been_up() { Ok(()) } else { Err(error) };
        match starter {
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

    /// If this part waits to be started, it does so no longer.
    pub(super) fn forget_delay(
        &mut self,
        place: Place,
        role: Role,
        timers: &mut BTreeSet<(Instant, Place, Role)>,
    ) {
        let part = self.part(role);
        if let State::Delayed(time) = part.state {
            part.state = State::Down;
            if let Some(time) = time {
                timers.remove(&(time, place, role));
            }
        }
    }

    /// Asks one part of it to stop.
    pub(super) fn ask_to_stop(&mut self, role: Role, shutdown: Shutdown) {
        let Shutdown::Timeout(timeout) = shutdown else { return self.abort(role) };
        let is_gone = match role {
            // It has no stop hook: wherever it is, it ends.
            Role::Manager => self.member.dismiss_manager(),
            Role::Worker | Role::Supervisor => {
                // It may be ending already: then nobody hears it.
                drop(self.task.as_mut().and_then(|task| task.stop.take()));
                false
            }
        };
        self.part(role).state = if is_gone { State::Down } else { State::Asked(deadline::after(timeout)) };
    }

    /// Kills one part of it.
    pub(super) fn abort(&mut self, role: Role) {
        let is_gone = match role {
            Role::Manager => self.member.dismiss_manager(),
            Role::Worker | Role::Supervisor => {
                self.task.take().inspect(|task| task.abort.abort());
                false
            }
        };
        self.part(role).state = if is_gone { State::Down } else { State::Aborted(Instant::now() + GRACE) };
    }

    /// Whether it is to run, and is not being stopped for anything.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.aim, Aim::Run)
    }
}

impl Part {
    /// It has been started.
    pub(super) fn started(&mut self, backoff: Backoff) {
        if backoff != Backoff::None {
            self.row.get_or_insert_default().started(Instant::now());
        }
        self.state = State::Running;
    }

    /// How long it waits, now that it has ended, before it is started again.
    pub(super) fn delay(&mut self, backoff: Backoff) -> Duration {
        match backoff {
            Backoff::None => Duration::ZERO,
            backoff => self.row.get_or_insert_default().delay(backoff, Instant::now()),
        }
    }

    /// Whether it neither runs nor is about to.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    /// Whether it is neither down nor on its way down.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// When something is to be done about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asked(deadline) | State::Delayed(deadline) => *deadline,
            State::Aborted(time) => Some(*time),
            State::Down | State::Running => None,
        }
    }
}
