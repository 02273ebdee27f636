//! A worker and its manager as one child.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::incarnation::incarnation;
#[cfg(feature = "store")]
use crate::manager::load_beside;
use crate::manager::start_manager;
use crate::process::exit::ExitReason;
use crate::process::status::{Status, Stopped};
use crate::supervisor::child::{Member, Node, Rules, Task, Up};
use crate::supervisor::health::{Ailment, Survey};
use crate::supervisor::run::patience::GRACE;
use crate::supervisor::tree::{TableNode, TreeCounts, TreeNode, View, WorkerNode};
use crate::tree::events::{EventKind, Role};
use crate::util::caught::{CatchDrop, caught};
use crate::util::stop::stop_signal;
use crate::worker::Handlers;
use crate::worker::Settings;
use crate::worker::Shutdown;
use crate::worker::on_call::Dismissal;
use crate::worker::shared::Shared;

/// A worker and its manager, as their supervisor owns them.
pub(crate) struct WorkerChild<W: Handlers> {
    shared: Arc<Shared<W>>,
    args: CatchDrop<W::Args>,
    /// The number of the newest incarnation.
    number: u64,
    /// The number of the newest manager.
    manager: u64,
    /// Whether this is a successor that has not taken over yet: the tables are still its
    /// predecessor's.
    waits: bool,
    /// Whether its incarnations are numbered after those of earlier processes.
    #[cfg(feature = "store")]
    is_numbered: bool,
}

impl<W: Handlers> WorkerChild<W> {
    pub(crate) fn new(shared: Arc<Shared<W>>, args: W::Args) -> Self {
        Self {
            shared,
            args: CatchDrop::new(args),
            number: 0,
            manager: 0,
            waits: false,
            #[cfg(feature = "store")]
            is_numbered: false,
        }
    }

    /// A worker that is to take the place, and the tables, of another one.
    pub(crate) fn successor(shared: Arc<Shared<W>>, args: W::Args) -> Self {
        let mut pair = Self::new(shared, args);
        pair.waits = true;
        pair
    }

    #[cfg(feature = "store")]
    fn number_after_earlier_processes(&mut self) {
        if !std::mem::replace(&mut self.is_numbered, true) {
            self.shared.number_after_earlier_processes();
        }
    }

    fn args(&self) -> Result<CatchDrop<W::Args>, ExitReason> {
        caught(|| self.args.get().clone()).map(CatchDrop::new).map_err(ExitReason::Panic)
    }
}

impl<W: Handlers> Member for WorkerChild<W> {
    fn node(&self) -> Arc<dyn Node> {
        Arc::<Shared<W>>::clone(&self.shared)
    }

    fn rules(&self) -> Rules {
        let Settings { restart, shutdown, significant, backoff, .. } = *self.shared.settings;
        Rules { restart, shutdown, significant, backoff }
    }

    fn role(&self) -> Role {
        Role::Worker
    }

    #[cfg(feature = "store")]
    fn prepare(&mut self) {
        if W::IS_STORED && !self.waits && !self.is_numbered {
            // Before the tables are claimed for this process.
            self.number_after_earlier_processes();
            load_beside(&self.shared);
        }
    }

    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task {
        let args = self.args();
        #[cfg(feature = "store")]
        if W::IS_STORED {
            self.number_after_earlier_processes();
        }
        self.number = self.shared.estate.issue();
        // Emitted before the manager can see that the worker waits for its tables.
        self.shared.emit(EventKind::WorkerStarted { incarnation: self.number });
        let incoming = self.shared.wait_for_tables(self.number);
        let (shared, process) = (Arc::clone(&self.shared), self.shared.begin(self.number));
        let (stop, stopped) = stop_signal();
        let life = incarnation(shared, Arc::clone(&process), incoming, args, stopped);
        let abort = tasks.spawn(life);
        // The task may already be serving, or have ended.
        process.runs_as(abort.clone());
        Task { abort, stop: Some(stop) }
    }

    fn start_manager(&mut self) {
        self.manager = start_manager(&self.shared, self.args());
    }

    fn dismiss_manager(&mut self) -> bool {
        matches!(self.shared.on_call.dismiss(), Dismissal::Gone(_))
    }

    fn has_no_manager(&self) -> bool {
        self.shared.on_call.is_vacant()
    }

    fn is_manager(&self, life: u64) -> bool {
        self.manager == life
    }

    fn note_end(&mut self, role: Role, reason: ExitReason) -> ExitReason {
        if role == Role::Manager {
            return reason;
        }
        self.shared.lifecycle.down();
        match reason {
            // An aborted task does not know what it was aborted for; the worker's shared state may.
            ExitReason::Killed => self.shared.exit_reason().unwrap_or(ExitReason::Killed),
            said => said,
        }
    }

    fn left_behind(&mut self, role: Role) {
        match role {
            Role::Manager => self.shared.emit(EventKind::Unresponsive { role, incarnation: None }),
            Role::Worker | Role::Supervisor => self.shared.unresponsive(self.number),
        }
    }

    fn take_over(&mut self) {
        self.waits = false;
        self.shared.read_what_is_there();
        self.shared.take_over_time();
        #[cfg(feature = "store")]
        self.shared.take_over_records();
        // The supervisor may have given up on the worker before it, whose replies these are.
        self.shared.reopen_replies();
    }
}

impl<W: Handlers> Drop for WorkerChild<W> {
    fn drop(&mut self) {
        // The child was never started, or its supervisor was dropped with the runtime. After an
        // orderly end this does nothing. Nobody has the handle of a successor that never took over,
        // and the tables are not its own.
        if !self.waits {
            self.shared.retire(&Stopped::Dropped);
        }
    }
}

/// The recorded tables of a worker.
fn tables<W: Handlers>(worker: &Shared<W>) -> Vec<TableNode> {
    let names = W::TABLE_NAMES.iter().copied().chain(std::iter::repeat("table"));
    names.zip(worker.readers().rows()).map(|(name, rows)| TableNode { name, rows }).collect()
}

/// What is not well with a worker, if anything is.
fn ailment<W: Handlers>(worker: &Shared<W>) -> Option<Ailment> {
    // An incarnation that was left behind keeps the tables, whatever the worker does since.
    let has_tables = |last: u64| {
        let owner = worker.estate.owner();
        owner.is_some_and(|owner| owner.name == worker.name && owner.incarnation <= last)
    };
    let (status, has_served) = worker.lifecycle.status_after();
    match status {
        Status::Serving { .. } => None,
        Status::Unresponsive { incarnation } if has_tables(incarnation) => Some(Ailment::Unresponsive),
        Status::Starting { incarnation } if has_tables(incarnation.saturating_sub(1)) => {
            Some(Ailment::Unresponsive)
        }
        Status::Starting { .. } => (!has_served).then_some(Ailment::Starting),
        Status::Down | Status::Terminated | Status::GaveUp(_) | Status::Stopped(_)
            if has_tables(worker.newest()) =>
        {
            Some(Ailment::Unresponsive)
        }
        // One that did not yield, and has: its supervisor hears of its end, if it is not down itself.
        Status::Down | Status::Unresponsive { .. } => (!has_served).then_some(Ailment::Down),
        Status::Terminated => Some(Ailment::Terminated),
        Status::GaveUp(reason) => Some(Ailment::GivenUp(reason)),
        Status::Stopped(why) => (!why.is_as_intended()).then_some(Ailment::Stopped(why)),
    }
}

impl<W: Handlers> Node for Shared<W> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn describe(&self, view: View<'_>) -> TreeNode {
        let newest = self.process();
        TreeNode::Worker(WorkerNode {
            name: Arc::clone(&self.name),
            path: view.path(&self.name),
            kind: W::NAME,
            status: self.lifecycle.status(),
            incarnation: newest.map(|process| process.incarnation()),
            age: self.age(),
            // The supervisor knows whether it counts them.
            restarts: None,
            estate: self.estate.info(),
            tables: tables(self),
            parked: self.quarantined(),
            queued: self.mailbox.queued(),
            open_replies: self.replies_owed(),
            managed: self.on_call.has_manager(),
        })
    }

    fn count(&self, counts: &mut TreeCounts) {
        let counts = counts.of_kind(W::NAME);
        counts.workers += 1;
        self.lifecycle.look(|status| counts.statuses.add(status));
        // The readers are cloned: no lock is held while rows are asked for.
        counts.rows += self.readers().rows().sum::<usize>();
        counts.queued += self.mailbox.queued();
        counts.open_replies += self.replies_owed();
        counts.parked += self.quarantined();
    }

    fn role(&self) -> Role {
        Role::Worker
    }

    fn is_active(&self) -> bool {
        self.lifecycle.look(Status::is_active)
    }

    fn survey(&self, survey: &mut Survey) {
        if let Some(ailment) = ailment(self) {
            survey.note(&self.name, ailment);
        }
        match self.quarantined() {
            0 => {}
            parked => survey.note(&self.name, Ailment::Quarantined { parked }),
        }
    }

    fn is_stopped(&self) -> bool {
        self.lifecycle.is_stopped()
    }

    fn is_asked_to_stop(&self) -> bool {
        Self::is_asked_to_stop(self)
    }

    fn up(self: Arc<Self>) -> Up {
        Box::pin(async move { self.lifecycle.until_served().await })
    }

    fn has_been_up(&self) -> bool {
        self.lifecycle.has_served()
    }

    fn register_name(self: Arc<Self>) -> Result<(), Arc<str>> {
        self.register()
    }

    fn time_to_stop(&self) -> Duration {
        let once = match self.settings.shutdown {
            Shutdown::Timeout(timeout) => timeout.saturating_add(GRACE),
            Shutdown::BrutalKill => GRACE,
        };
        // First the manager is stopped, then the worker.
        once.saturating_mul(2)
    }

    fn terminated(&self) {
        self.stands_still();
        self.lifecycle.terminated();
        self.emit(EventKind::Terminated);
    }

    fn stands_still(&self) {
        self.stand_still();
    }

    fn refuse(&self, reason: &ExitReason) {
        Self::refuse(self, reason);
    }

    fn gave_up(&self, reason: &ExitReason) {
        Self::gave_up(self, reason);
        self.emit(EventKind::GaveUpOn { reason: reason.clone() });
    }

    fn reopen(&self) {
        Self::reopen(self);
    }

    fn close(&self, why: &Stopped) {
        Self::close(self, why);
    }

    fn retire(&self, why: &Stopped) {
        if let Some(why) = Self::retire(self, why) {
            let undelivered = self.mailbox.refused();
            self.emit(EventKind::Retired { why, undelivered });
        }
    }

    fn hand_over(&self) {
        if Self::hand_over(self, &Stopped::Upgraded).is_some() {
            self.emit(EventKind::Upgraded);
        }
    }

    fn emit(&self, kind: EventKind) {
        Self::emit(self, kind);
    }
}
