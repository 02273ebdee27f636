//! A child as its supervisor keeps it: the state of each of its tasks, and the child's goal.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::child::{Member, Task};
use crate::supervisor::report::{ChildError, StartError};
use crate::supervisor::run::patience::Patience;
use crate::supervisor::run::requests::Command;
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
    /// The task that each child has: a worker's newest incarnation, or a supervisor's newest life.
    pub(crate) first: Part,
    /// The handles to stop and abort the first task, until it has ended or was left behind.
    pub(crate) task: Option<Task>,
    /// The manager's task, if the child is a worker.
    pub(crate) manager: Option<Part>,
    pub(crate) goal: Goal,
    /// The callers that wait until the child is down.
    pub(crate) down_waiters: Vec<ReplySender<()>>,
    /// Whether an unresponsive worker that was left behind may still hold the child's tables.
    pub(crate) is_held: bool,
    /// `None` for a child that has had no trouble: most have none, and there may be very many.
    troubles: Option<Box<Troubles>>,
    /// Whether a restart was requested while the child was being terminated.
    pub(crate) restart_when_down: bool,
    /// Whether the child was restarted and its manager stayed: if the manager ends before the
    /// worker is up, the next manager waits for no back-off.
    pub(crate) manager_stayed: bool,
}

/// What a supervisor notes of a child that has not started, or that it gives up.
#[derive(Default)]
struct Troubles {
    /// How the child's start failed. The caller that waits for the start is told when the child is
    /// down.
    start_error: Option<StartError>,
    /// Whether the supervisor has given up on the child, which has not been started again since: its
    /// mailbox is closed for now.
    is_given_up: bool,
    /// The requests that wait until the child, on which the supervisor gives up, is down.
    when_down: Vec<Command>,
}

/// One task of a child: a worker, its manager, or a supervisor.
///
/// ```text
/// Down ──(started)──► Running
/// Down ──(restart with back-off)──► Delayed ──(back-off over)──► Running
/// Running ──(stop)──► Asked ──(timeout over)──► Aborted ──(GRACE over, left behind)──► Down
/// Running ──(brutal kill)──► Aborted
/// any ──(the task has ended)──► Down
/// ```
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) state: State,
    /// Counts the restarts in a row; allocated only for a child with a back-off.
    backoff: Option<Box<BackoffState>>,
}

#[derive(Default)]
pub(crate) enum State {
    #[default]
    Down,
    /// Waits for its back-off; started at this time. Never, if no `Instant` is that far away.
    Delayed(Option<Instant>),
    Running,
    /// Asked to stop; aborted at the end of its time, if ever.
    Asked(Option<Patience>),
    /// Aborted; called unresponsive at the end of its grace.
    Aborted(Patience),
}

/// What a supervisor wants of a child. [`Run::advance_goal`](super::Run::advance_goal) reaches the
/// goal once the child is down.
///
/// ```text
/// Run ──(Handle::restart)──► Restarting ──(the first task is down)──► Run
/// Run ──(terminate_child)──► Terminated ──(restart_child, or a cycle)──► Run
/// Run ──(too many restarts of a key)──► GivenUp ──(restart_child, or a next life)──► Run
/// Run ──(upgrade_child)──► Replaced ──(down)──► Run, with the successor
/// Run ──(stopped, deleted, or ended for good)──► Finished ──(down)──► the slot is removed
/// ```
///
/// From every goal but `Finished` a child can be finished; from `Restarting` it can be terminated or
/// given up, and from `Restarting`, `Terminated` and `GivenUp` replaced.
pub(crate) enum Goal {
    /// Runs, and is restarted as its restart type says.
    Run,
    /// Is stopped between two messages, then started again.
    Restarting,
    /// Is stopped, and stays down until it is restarted on request or by a cycle.
    Terminated,
    /// Is stopped, because it was restarted too often, the last time for this reason; stays down until
    /// it is restarted on request, or in the supervisor's next life. Its senders are refused.
    GivenUp(Box<ExitReason>),
    /// Is stopped; then this successor takes its place, and the caller is told.
    Replaced(Box<(Box<dyn Member>, ReplySender<()>)>),
    /// Is stopped for good, for this reason; then its slot is removed.
    Finished(Box<Stopped>),
}

/// The caller that waits for a child's start; the variant says what happens if the start fails.
pub(crate) enum Starter {
    /// By `start_child`: the child is removed.
    Added(ReplySender<Result<(), StartError>>),
    /// By `restart_child`: the child stays terminated.
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
            down_waiters: Vec::new(),
            is_held: false,
            restart_when_down: false,
            manager_stayed: false,
            troubles: None,
        }
    }

    /// Puts a successor in the child's place: the old child is gone, and the successor has its
    /// tables.
    pub(crate) fn replace(&mut self, mut member: Box<dyn Member>) {
        self.member.node().hand_over();
        member.take_over();
        // Registration cannot fail: the old child has just given up the name.
        let _ = member.node().register_name();
        self.member = member;
    }

    /// Notes how the child's start has failed.
    pub(crate) fn note_start_error(&mut self, error: StartError) {
        self.troubles.get_or_insert_default().start_error = Some(error);
    }

    /// The supervisor gives up on the child.
    pub(crate) fn note_given_up(&mut self) {
        self.troubles.get_or_insert_default().is_given_up = true;
    }

    /// Whether the supervisor has given up on the child; from here on it has not.
    pub(crate) fn take_given_up(&mut self) -> bool {
        self.troubles.as_mut().is_some_and(|troubles| std::mem::take(&mut troubles.is_given_up))
    }

    /// Keeps a request until the child is down.
    pub(crate) fn serve_when_down(&mut self, command: Command) {
        self.troubles.get_or_insert_default().when_down.push(command);
    }

    /// Takes the requests that have waited until the child is down.
    pub(crate) fn take_waiting(&mut self) -> Vec<Command> {
        self.troubles.as_mut().map(|troubles| std::mem::take(&mut troubles.when_down)).unwrap_or_default()
    }

    /// Whether the child's start has failed, and its caller has still to be told.
    pub(crate) fn has_failed_to_start(&self) -> bool {
        self.troubles.as_ref().is_some_and(|troubles| troubles.start_error.is_some())
    }

    /// Closes a child that is to end for good: its callers are told. A supervisor that is not down
    /// closes its own children, each when its turn to stop comes.
    pub(crate) fn close(&self, why: &Stopped) {
        let node = self.member.node();
        match (&self.first.state, self.member.role()) {
            (State::Running | State::Asked(_) | State::Aborted(_), Role::Supervisor) => {
                node.close_in_turn(why);
            }
            _ => node.close(why),
        }
    }

    /// Notes a caller that waits until the child is down.
    pub(crate) fn tell_when_down(&mut self, told: ReplySender<()>) {
        // Entries whose callers are gone are swept when the vector is full. Then it reserves as
        // many places as entries are left, so that a sweep costs little for each entry.
        if self.down_waiters.len() == self.down_waiters.capacity() {
            self.down_waiters.retain(|told| !told.is_for_nobody());
            self.down_waiters.reserve(self.down_waiters.len());
        }
        self.down_waiters.push(told);
    }

    /// The child is down: tells the callers that wait for that.
    pub(crate) fn tell_down(&mut self) {
        for told in self.down_waiters.drain(..) {
            told.answer(());
        }
    }

    /// The child has been stopped: tells the caller that waits for its start that it was up, or, if
    /// it was not, how the start failed (`error`, unless the slot knows better).
    pub(crate) fn tell(&mut self, starter: Option<Starter>, error: StartError) {
        let noted = self.troubles.as_mut().and_then(|troubles| troubles.start_error.take());
        let error = noted.unwrap_or(error);
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

    /// The child's tasks, in the order in which they are stopped.
    pub(crate) fn roles(&self) -> impl Iterator<Item = Role> + use<> {
        self.manager.is_some().then_some(Role::Manager).into_iter().chain([self.member.role()])
    }

    pub(crate) fn is_down(&self) -> bool {
        self.first.is_down() && self.manager.as_ref().is_none_or(Part::is_down)
    }

    /// Cancels the delay of this task, if it waits to be started.
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

    /// Asks one task to stop, or aborts it if its shutdown is brutal.
    pub(crate) fn ask_to_stop(&mut self, role: Role, shutdown: Shutdown) {
        let Shutdown::Timeout(timeout) = shutdown else { return self.abort(role) };
        let is_gone = match role {
            // A manager has no stop hook: it is ended at once, wherever it is.
            Role::Manager => self.member.dismiss_manager(),
            Role::Worker | Role::Supervisor => {
                // The task may be ending already, and not hear the request.
                if let Some(stop) = self.task.as_mut().and_then(|task| task.stop.take()) {
                    stop.ask();
                }
                false
            }
        };
        let deadline = deadline::after(timeout).map(Patience::until);
        self.part(role).state = if is_gone { State::Down } else { State::Asked(deadline) };
    }

    /// Aborts one task.
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

    /// Whether this task has ended: the supervisor is about to hear of that.
    pub(crate) fn has_ended(&self, role: Role) -> bool {
        match role {
            Role::Manager => self.member.has_no_manager(),
            Role::Worker | Role::Supervisor => {
                self.task.as_ref().is_some_and(|task| task.abort.is_finished())
            }
        }
    }

    /// Whether the child is to run, and is not being stopped for another goal.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.goal, Goal::Run)
    }
}

impl Part {
    /// The task has been started.
    pub(crate) fn started(&mut self, backoff: Backoff) {
        if backoff != Backoff::None {
            self.backoff.get_or_insert_default().started(Instant::now());
        }
        self.state = State::Running;
    }

    /// How long the task that has ended waits for its next start. Each call counts one more end.
    pub(crate) fn next_delay(&mut self, backoff: Backoff) -> Duration {
        match backoff {
            Backoff::None => Duration::ZERO,
            backoff => self.backoff.get_or_insert_default().next_delay(backoff, Instant::now()),
        }
    }

    /// Whether the task neither runs nor waits to be started.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    /// Whether the task runs, and was not asked to stop.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot is allocated alone, and there may be very many: what few children have is behind a
    /// pointer. The next size that allocators have is 16 bytes larger.
    #[test]
    fn a_slot_is_small() {
        assert!(size_of::<Slot>() <= 168, "{}", size_of::<Slot>());
    }
}
