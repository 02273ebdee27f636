//! A supervisor as the child of another one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::child::{Member, Node, Rules, Task, Up, Wanted};
use crate::supervisor::health::Survey;
use crate::supervisor::report::Overdue;
use crate::supervisor::run::Run;
use crate::supervisor::run::patience::GRACE;
use crate::supervisor::run::requests::Command;
use crate::supervisor::shared::SupervisorShared;
use crate::supervisor::tree::{Page, SubtreeStatus, TreeCounts, TreeNode, View};
use crate::tree::events::{EventKind, Role};
use crate::util::meter;
use crate::util::stop::{StopSignal, stop_signal};
use crate::worker::Shutdown;

/// A subtree, as its root's own supervisor owns it.
pub(crate) struct SupervisorChild {
    shared: Arc<SupervisorShared>,
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
        let shared = Arc::clone(&run.shared);
        Self { shared, rules, as_long_as_it_takes, parked: Arc::new(Mutex::new(Some(run))) }
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
        Arc::<SupervisorShared>::clone(&self.shared)
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    fn role(&self) -> Role {
        Role::Supervisor
    }

    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task {
        let (stop, stopped) = stop_signal();
        self.shared.set_starting();
        let abort = tasks.spawn(supervise(Arc::clone(&self.parked), stopped));
        self.shared.set_task(abort.clone());
        Task { abort, stop: Some(stop) }
    }

    fn note_end(&mut self, _role: Role, reason: ExitReason) -> ExitReason {
        self.shared.set_down();
        reason
    }

    fn time_to_stop(&self) -> Shutdown {
        if self.as_long_as_it_takes {
            Shutdown::Timeout(self.shared.time_to_stop())
        } else {
            self.rules.shutdown
        }
    }

    fn abort_rest(&self, late: bool) {
        // A supervisor that does not take the request has ended.
        let _ = self.shared.request(Command::AbortRest { late });
    }

    fn left_behind(&mut self, role: Role) {
        self.shared.emit(EventKind::Unresponsive { role, incarnation: None });
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
        self.shared.retire_all(&Stopped::Dropped);
        let run = self.parked.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(run);
    }
}

impl Node for SupervisorShared {
    fn name(&self) -> &Arc<str> {
        self.label()
    }

    fn describe(&self, view: View<'_>) -> TreeNode {
        TreeNode::Supervisor(self.picture(view))
    }

    fn page(&self, below: Option<&str>, wanted: Wanted<'_>) -> Option<Page> {
        self.page_of(below, wanted)
    }

    fn count(&self, counts: &mut TreeCounts) {
        self.count_into(counts);
    }

    fn role(&self) -> Role {
        Role::Supervisor
    }

    fn is_active(&self) -> bool {
        self.status().is_active()
    }

    fn survey(&self, survey: &mut Survey) {
        if let Some(ailment) = self.ailment() {
            survey.note(self.label(), ailment);
        }
        self.survey_children(survey);
    }

    fn is_stopped(&self) -> bool {
        matches!(self.status(), SubtreeStatus::Stopped(_))
    }

    fn is_asked_to_stop(&self) -> bool {
        Self::is_asked_to_stop(self)
    }

    fn up(self: Arc<Self>) -> Up {
        Box::pin(async move { self.until_up().await })
    }

    fn has_been_up(&self) -> bool {
        Self::has_been_up(self)
    }

    fn register_name(self: Arc<Self>) -> Result<(), Arc<str>> {
        // The workers below have registered their names when the tree was built.
        Ok(())
    }

    fn terminated(&self) {
        self.stands_still();
        self.set_terminated();
        self.emit(EventKind::Terminated);
    }

    fn stands_still(&self) {
        for node in self.children.all() {
            node.stands_still();
        }
    }

    fn time_to_stop(&self) -> Duration {
        let below = self.children.all().into_iter().map(|node| node.time_to_stop());
        let all = below.fold(
            Duration::ZERO,
            if self.children.is_dynamic() { Duration::max } else { Duration::saturating_add },
        );
        all.saturating_add(GRACE)
    }

    fn close_in_turn(&self, why: &Stopped) {
        self.set_for_good(why);
        // If the supervisor is ending already, it closes the children that have stopped.
        let _ = self.request(Command::CloseInTurn);
    }

    fn close(&self, why: &Stopped) {
        self.set_for_good(why);
        for node in self.children.all() {
            node.close(why);
        }
    }

    fn retire(&self, why: &Stopped) {
        self.retire_all(why);
    }

    fn hand_over(&self) {
        self.retire_all(&Stopped::Upgraded);
    }

    fn emit(&self, kind: EventKind) {
        if let EventKind::Restarting { role, .. } = &kind {
            meter::restarted(self.label(), role.word());
        }
        self.registry().emit_own(kind);
    }
}
