//! A supervisor as the child of another one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::branch::Branch;
use crate::supervisor::child::{Member, Node, Rules, Task};
use crate::supervisor::report::Overdue;
use crate::supervisor::run::Run;
use crate::tree::events::{EventKind, Role};
use crate::util::stop::{StopSignal, stop_signal};
use crate::worker::Shutdown;

/// A subtree, as its root's own supervisor owns it.
pub(crate) struct SupervisorChild {
    branch: Arc<Branch>,
    rules: Rules,
    /// Whether no shutdown timeout was set: the subtree may then take as long as all of its
    /// children.
    as_long_as_it_takes: bool,
    parked: Parked,
}

/// The supervisor while it has no task; `None` while it has one.
type Parked = Arc<Mutex<Option<Run>>>;

/// The supervisor while it has a task. However the task ends, this parks the supervisor again, and
/// aborts the children that it did not stop.
struct Borrowed {
    run: Option<Run>,
    parked: Parked,
}

impl SupervisorChild {
    pub(crate) fn new(run: Run, rules: Rules, as_long_as_it_takes: bool) -> Self {
        let branch = Arc::clone(&run.branch);
        Self { branch, rules, as_long_as_it_takes, parked: Arc::new(Mutex::new(Some(run))) }
    }
}

async fn supervise(parked: Parked, stop: StopSignal) -> ExitReason {
    let run = parked.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut borrowed = Borrowed { run, parked };
    match &mut borrowed.run {
        Some(run) => run.live(stop).await.reason(),
        None => ExitReason::error("the task it had before does not yield to the runtime"),
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(mut run) = self.run.take() {
            if run.ending.is_none() || !run.is_all_down() {
                run.abort_all();
            }
            *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
        }
    }
}

impl Member for SupervisorChild {
    fn node(&self) -> Arc<dyn Node> {
        Arc::<Branch>::clone(&self.branch)
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    fn role(&self) -> Role {
        Role::Supervisor
    }

    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task {
        let (stop, stopped) = stop_signal();
        self.branch.starting();
        let abort = tasks.spawn(supervise(Arc::clone(&self.parked), stopped));
        self.branch.started(abort.clone());
        Task { abort, stop: Some(stop) }
    }

    fn ended(&mut self, _role: Role, reason: ExitReason) -> ExitReason {
        self.branch.down();
        reason
    }

    fn time_to_stop(&self) -> Shutdown {
        if self.as_long_as_it_takes {
            Shutdown::Timeout(self.branch.time_to_stop())
        } else {
            self.rules.shutdown
        }
    }

    fn left_behind(&mut self, role: Role) {
        self.branch.emit(EventKind::Unresponsive { role, incarnation: None });
    }

    fn overdue(&mut self) -> Overdue {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        parked.as_mut().map(|run| std::mem::take(&mut run.overdue)).unwrap_or_default()
    }
}

impl Drop for SupervisorChild {
    fn drop(&mut self) {
        // The child was never started, or its supervisor was dropped with the runtime. After an
        // orderly end this does nothing.
        self.branch.retire_all(&Stopped::Dropped);
        let run = self.parked.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(run);
    }
}
