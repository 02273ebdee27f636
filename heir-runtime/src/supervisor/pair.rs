//! The worker and its manager: one child.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::member::{Member, Node, Rules, Task, Up};
use super::slot::GRACE;
use super::tree::{TreeNode, WorkerNode};
use crate::caught::{DropCaught, caught};
use crate::duty::Dismissal;
use crate::events::{EventKind, Role};
use crate::exit::ExitReason;
use crate::manager::start_manager;
use crate::post::Post;
use crate::status::Stopped;
use crate::stop::stop_signal;
use crate::worker::{Handlers, Settings, Shutdown, incarnation};

/// A worker and its manager.
pub(super) struct Pair<W: Handlers> {
    post: Arc<Post<W>>,
    args: DropCaught<W::Args>,
    /// The incarnation started last.
    number: u64,
    /// The manager started last.
    manager: u64,
    /// Whether the tables are still those of the worker whose place it is to take.
    waits: bool,
}

impl<W: Handlers> Pair<W> {
    pub(super) fn new(post: Arc<Post<W>>, args: W::Args) -> Self {
        Self { post, args: DropCaught::new(args), number: 0, manager: 0, waits: false }
    }

    /// One that is to take the place, and the tables, of another one.
    pub(super) fn successor(post: Arc<Post<W>>, args: W::Args) -> Self {
        let mut pair = Self::new(post, args);
        pair.waits = true;
        pair
    }

    fn args(&self) -> Result<DropCaught<W::Args>, ExitReason> {
        caught(|| self.args.get().clone()).map(DropCaught::new).map_err(ExitReason::Panic)
    }
}

impl<W: Handlers> Member for Pair<W> {
    fn node(&self) -> Arc<dyn Node> {
        Arc::<Post<W>>::clone(&self.post)
    }

    fn rules(&self) -> Rules {
        let Settings { restart, shutdown, significant, backoff, .. } = *self.post.settings;
        Rules { restart, shutdown, significant, backoff }
    }

    fn role(&self) -> Role {
        Role::Worker
    }

    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task {
        let args = self.args();
        self.number = self.post.estate.issue();
        // Said before the manager can see it.
        self.post.emit(EventKind::WorkerStarted { incarnation: self.number });
        let incoming = self.post.wait_for_tables(self.number);
        let (post, process) = (Arc::clone(&self.post), self.post.begin(self.number));
        let (stop, stopped) = stop_signal();
        let life = incarnation(post, Arc::clone(&process), incoming, args, stopped);
        let abort = tasks.spawn(life);
        // It may already be serving, or be over.
        process.runs_as(abort.clone());
        Task { abort, stop: Some(stop) }
    }

    fn start_manager(&mut self) {
        self.manager = start_manager(&self.post, self.args());
    }

    fn dismiss_manager(&mut self) -> bool {
        matches!(self.post.duty.dismiss(), Dismissal::Gone(_))
    }

    fn is_manager(&self, life: u64) -> bool {
        self.manager == life
    }

    fn ended(&mut self, role: Role, reason: ExitReason) -> ExitReason {
        if role == Role::Manager {
            return reason;
        }
        self.post.roster.down();
        match reason {
            // Its task was aborted, and could not say what for.
            ExitReason::Killed => self.post.exit_reason().unwrap_or(ExitReason::Killed),
            said => said,
        }
    }

    fn left_behind(&mut self, role: Role) {
        match role {
            Role::Manager => self.post.emit(EventKind::Unresponsive { role }),
            Role::Worker | Role::Supervisor => self.post.unresponsive(self.number),
        }
    }

    fn take_over(&mut self) {
        self.waits = false;
        self.post.read_what_is_there();
    }
}

impl<W: Handlers> Drop for Pair<W> {
    fn drop(&mut self) {
        // Never started, or its supervisor was dropped with the runtime. After an orderly end this changes nothing.
        if self.waits {
            self.post.hand_over(&Stopped::Dropped);
        } else {
            self.post.retire(&Stopped::Dropped);
        }
    }
}

impl<W: Handlers> Node for Post<W> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn describe(&self) -> TreeNode {
        TreeNode::Worker(WorkerNode {
            name: Arc::clone(&self.name),
            status: self.roster.status(),
            estate: self.estate.info(),
            queued: self.mailbox.queued(),
            managed: self.duty.is_done(),
        })
    }

    fn is_stopped(&self) -> bool {
        self.roster.is_stopped()
    }

    fn up(self: Arc<Self>) -> Up {
        Box::pin(async move { self.roster.until_served().await })
    }

    fn has_been_up(&self) -> bool {
        self.roster.has_served()
    }

    fn enlist(self: Arc<Self>) -> Result<(), Arc<str>> {
        self.register()
    }

    fn patience(&self) -> Duration {
        let once = match self.settings.shutdown {
            Shutdown::Timeout(timeout) => timeout.saturating_add(GRACE),
            Shutdown::BrutalKill => GRACE,
        };
        // Its manager, and then itself.
        once.saturating_mul(2)
    }

    fn terminated(&self) {
        self.roster.terminated();
        self.emit(EventKind::Terminated);
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
