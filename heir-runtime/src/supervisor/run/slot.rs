//! A child in its supervisor: what its tasks do, and what is to become of it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::status::Stopped;
use crate::supervisor::child::{Member, Task};
use crate::supervisor::report::{ChildError, StartError};
use crate::supervisor::run::patience::Patience;
use crate::tree::events::Role;
use crate::tree::parent::ChildId;
use crate::util::deadline;
use crate::util::reply::ReplySender;
use crate::worker::Backoff;
use crate::worker::BackoffState;
use crate::worker::Shutdown;

/// One child of a supervisor.
pub(crate) struct Slot {
    pub(crate) member: Box<dyn Member>,
    /// The worker, or a supervisor.
    pub(crate) first: Part,
    /// Its task, until it is down, or left behind.
    pub(crate) task: Option<Task>,
    /// A worker's manager.
    pub(crate) manager: Option<Part>,
    pub(crate) goal: Goal,
    /// Whoever waits for it to be down.
    pub(crate) waiting: Vec<ReplySender<()>>,
    /// Whether its tables may still be held by a worker that was left behind.
    pub(crate) is_held: bool,
    /// How its start failed: told when it is down.
    pub(crate) start_error: Option<Box<StartError>>,
    /// Whether it was asked for again while it was being terminated.
    pub(crate) restarts: bool,
    /// Whether it was renewed and its manager stayed: if the manager ends before the worker is up,
    /// the next one waits for no back-off.
    pub(crate) manager_stayed: bool,
}

/// A worker, its manager, or a supervisor.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) state: State,
    /// Counted where somebody asks for it.
    row: Option<Box<BackoffState>>,
}

#[derive(Default)]
pub(crate) enum State {
    #[default]
    Down,
    /// Started at this time, if ever: its back-off.
    Delayed(Option<Instant>),
    Running,
    /// Asked to stop; aborted at the end of its time, if ever.
    Asked(Option<Patience>),
    /// Aborted; called unresponsive at the end of its grace.
    Aborted(Patience),
}

/// What is to become of a child.
pub(crate) enum Goal {
    /// It runs, and is started again as its restart type says.
    Run,
    /// It is stopped between two messages, and started again.
    Restarting,
    /// It is stopped until it is asked for.
    Terminated,
    /// It is stopped, and the other takes its place.
    Replaced(Box<(Box<dyn Member>, ReplySender<()>)>),
    /// It is stopped for good.
    Finished(Box<Stopped>),
}

/// Who waits for a start, and what becomes of a child that does not get up.
pub(crate) enum Starter {
    /// It is gone.
    Added(ReplySender<Result<(), StartError>>),
    /// It stays terminated.
    Restarted(ReplySender<Result<(), ChildError>>),
}

impl Slot {
    pub(crate) fn new(member: Box<dyn Member>) -> Self {
        let manager = (member.role() == Role::Worker).then(Part::default);
        Self {
            member,
            first: Part::default(),
            task: None,
            manager,
            goal: Goal::Run,
            waiting: Vec::new(),
            is_held: false,
            restarts: false,
            manager_stayed: false,
            start_error: None,
        }
    }

    /// Another child takes this one's place: its own is gone, but the tables are not.
    pub(crate) fn replace(&mut self, mut member: Box<dyn Member>) {
        self.member.node().hand_over();
        member.take_over();
        // The name is free: the one before had it, if anybody did.
        let _ = member.node().register_name();
        self.member = member;
    }

    /// Closes a child that is to end for good. A supervisor that is not down yet closes its
    /// children in their turn.
    pub(crate) fn close(&self, why: &Stopped) {
        let node = self.member.node();
        match (&self.first.state, self.member.role()) {
            (State::Running | State::Asked(_) | State::Aborted(_), Role::Supervisor) => {
                node.ends_for_good(why);
            }
            _ => node.close(why),
        }
    }

    /// Somebody waits for it to be down.
    pub(crate) fn tell_when_down(&mut self, told: ReplySender<()>) {
        // Those that nobody waits for any more go when there is no room left; then as many come as there are before the next time.
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|told| !told.is_for_nobody());
            self.waiting.reserve(self.waiting.len());
        }
        self.waiting.push(told);
    }

    /// It is down: whoever waits for that is told.
    pub(crate) fn tell_down(&mut self) {
        for told in self.waiting.drain(..) {
            told.answer(());
        }
    }

    /// It has been stopped: whoever waits for its start is told, unless it was up.
    pub(crate) fn tell(&mut self, starter: Option<Starter>, error: StartError) {
        let error = self.start_error.take().map_or(error, |error| *error);
        let told = if self.member.node().has_been_up() { Ok(()) } else { Err(error) };
        if let Some(starter) = starter {
            starter.tell(told);
        }
    }

    pub(crate) fn part(&mut self, role: Role) -> &mut Part {
        match (role, &mut self.manager) {
            (Role::Manager, Some(manager)) => manager,
            _ => &mut self.first,
        }
    }

    /// Its tasks, in the order in which they are stopped.
    pub(crate) fn roles(&self) -> impl Iterator<Item = Role> + use<> {
        self.manager.is_some().then_some(Role::Manager).into_iter().chain([self.member.role()])
    }

    pub(crate) fn is_down(&self) -> bool {
        self.first.is_down() && self.manager.as_ref().is_none_or(Part::is_down)
    }

    /// If this part waits to be started, it does so no longer.
    pub(crate) fn forget_delay(
        &mut self,
        id: ChildId,
        role: Role,
        timers: &mut BTreeSet<(Instant, ChildId, Role)>,
    ) {
        let part = self.part(role);
        if let State::Delayed(time) = part.state {
            part.state = State::Down;
            if let Some(time) = time {
                timers.remove(&(time, id, role));
            }
        }
    }

    /// Asks one part of it to stop.
    pub(crate) fn ask_to_stop(&mut self, role: Role, shutdown: Shutdown) {
        let Shutdown::Timeout(timeout) = shutdown else { return self.abort(role) };
        let is_gone = match role {
            // It has no stop hook: wherever it is, it ends.
            Role::Manager => self.member.dismiss_manager(),
            Role::Worker | Role::Supervisor => {
                // It may be ending already: then nobody hears it.
                if let Some(stop) = self.task.as_mut().and_then(|task| task.stop.take()) {
                    stop.ask();
                }
                false
            }
        };
        let deadline = deadline::after(timeout).map(Patience::until);
        self.part(role).state = if is_gone { State::Down } else { State::Asked(deadline) };
    }

    /// Kills one part of it.
    pub(crate) fn abort(&mut self, role: Role) {
        let is_gone = match role {
            Role::Manager => self.member.dismiss_manager(),
            Role::Worker | Role::Supervisor => {
                if let Some(task) = &mut self.task {
                    task.abort.abort();
                    drop(task.stop.take());
                }
                false
            }
        };
        let grace = Patience::with_aborted(Instant::now());
        self.part(role).state = if is_gone { State::Down } else { State::Aborted(grace) };
    }

    /// Whether one part of it has ended: its supervisor is about to hear of that.
    pub(crate) fn has_ended(&self, role: Role) -> bool {
        match role {
            Role::Manager => self.member.has_no_manager(),
            Role::Worker | Role::Supervisor => {
                self.task.as_ref().is_some_and(|task| task.abort.is_finished())
            }
        }
    }

    /// Whether it is to run, and is not being stopped for anything.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.goal, Goal::Run)
    }
}

impl Part {
    /// It has been started.
    pub(crate) fn started(&mut self, backoff: Backoff) {
        if backoff != Backoff::None {
            self.row.get_or_insert_default().started(Instant::now());
        }
        self.state = State::Running;
    }

    /// How long it waits, now that it has ended, before it is started again.
    pub(crate) fn delay(&mut self, backoff: Backoff) -> Duration {
        match backoff {
            Backoff::None => Duration::ZERO,
            backoff => self.row.get_or_insert_default().delay(backoff, Instant::now()),
        }
    }

    /// Whether it neither runs nor is about to.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    /// Whether it is neither down nor on its way down.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// Its deadline has come `now`. Returns another one, if it is to end and has some time left.
    pub(crate) fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        let (State::Asked(Some(patience)) | State::Aborted(patience)) = &mut self.state else { return None };
        *patience = patience.look(now)?;
        Some(patience.next())
    }

    /// When something is to be done about it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Delayed(time) => *time,
            State::Asked(patience) => patience.as_ref().map(Patience::next),
            State::Aborted(grace) => Some(grace.next()),
            State::Down | State::Running => None,
        }
    }
}
