//! The worker and its manager: two tasks, one child.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::member::{Member, Node, Rules, Task, Up};
use super::slot::GRACE;
use super::tree::{TreeNode, WorkerNode};
use crate::caught::{DropCaught, caught};
use crate::events::{EventKind, Role};
use crate::exit::ExitReason;
use crate::manager::manager;
use crate::post::Post;
use crate::race::{Either, race};
use crate::status::Stopped;
use crate::stop::{StopSignal, stop_signal};
use crate::worker::{Handlers, Shutdown, Spec, incarnation};

/// A worker and its manager.
pub(super) struct Pair<W: Handlers> {
    post: Arc<Post<W>>,
    spec: DropCaught<Spec<W>>,
    /// The incarnation started last.
    number: u64,
    /// Whether the tables are still those of the worker whose place it is to take.
    waits: bool,
}

impl<W: Handlers> Pair<W> {
    pub(super) fn new(post: Arc<Post<W>>, spec: Spec<W>) -> Self {
        Self { post, spec: DropCaught::new(spec), number: 0, waits: false }
    }

    /// One that is to take the place, and the tables, of another one.
    pub(super) fn successor(post: Arc<Post<W>>, spec: Spec<W>) -> Self {
        let mut pair = Self::new(post, spec);
        pair.waits = true;
        pair
    }

    fn spawn_worker(&mut self, stopped: StopSignal, tasks: &mut JoinSet<ExitReason>) -> Task {
        let spec = self.spec.get();
        let args = caught(|| spec.args.clone()).map_err(ExitReason::Panic);
        self.number = self.post.estate.issue();
        // Said before the manager can see it.
        self.post.emit(EventKind::WorkerStarted { incarnation: self.number });
        let incoming = self.post.wait_for_tables(self.number);
        let (post, process) = (Arc::clone(&self.post), self.post.begin(self.number));
        let life = incarnation(post, Arc::clone(&process), incoming, args, spec.bounds(), stopped);
        let abort = tasks.spawn(life);
        // It may already be serving, or be over.
        process.runs_as(abort.clone());
        Task { abort, stop: None }
    }

    fn spawn_manager(&self, stopped: StopSignal, tasks: &mut JoinSet<ExitReason>) -> Task {
        let spec = caught(|| Box::new(self.spec.get().clone())).map_err(ExitReason::Panic);
        let abort = tasks.spawn(Box::pin(managed(Arc::clone(&self.post), spec, stopped)));
        self.post.roster.manager_started(abort.clone());
        Task { abort, stop: None }
    }
}

async fn managed<W: Handlers>(
    post: Arc<Post<W>>,
    spec: Result<Box<Spec<W>>, ExitReason>,
    stopped: StopSignal,
) -> ExitReason {
    let spec = match spec {
        Ok(spec) => spec,
        Err(reason) => return reason,
    };
    match race(stopped, pin!(manager(post, spec))).await {
        Either::Left(()) => ExitReason::Shutdown,
        Either::Right(reason) => reason,
    }
}

impl<W: Handlers> Member for Pair<W> {
    fn node(&self) -> Arc<dyn Node> {
        Arc::<Post<W>>::clone(&self.post)
    }

    fn rules(&self) -> Rules {
        let spec = self.spec.get();
        let (restart, shutdown) = (spec.restart, spec.shutdown);
        Rules { restart, shutdown, significant: spec.significant, backoff: spec.backoff }
    }

    fn role(&self) -> Role {
        Role::Worker
    }

    fn spawn(&mut self, role: Role, tasks: &mut JoinSet<ExitReason>) -> Task {
        let (stop, stopped) = stop_signal();
        let task = match role {
            Role::Manager => self.spawn_manager(stopped, tasks),
            Role::Worker | Role::Supervisor => self.spawn_worker(stopped, tasks),
        };
        Task { stop: Some(stop), ..task }
    }

    fn ended(&mut self, role: Role, reason: ExitReason) -> ExitReason {
        match role {
            Role::Manager => self.post.roster.manager_down(),
            Role::Worker | Role::Supervisor => {
                self.post.roster.down();
                // Its task was aborted, and could not say what for.
                if reason == ExitReason::Killed {
                    return self.post.exit_reason().unwrap_or(reason);
                }
            }
        }
        reason
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
            managed: self.roster.is_managed(),
        })
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
        let once = match self.shutdown {
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
