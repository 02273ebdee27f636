//! A child of a supervisor, whatever it is: a worker with its manager, or the root of a subtree.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::report::Overdue;
use super::tree::TreeNode;
use crate::events::{EventKind, Role};
use crate::exit::ExitReason;
use crate::status::Stopped;
use crate::stop::StopOnDrop;
use crate::worker::{Backoff, Restart, Shutdown};

/// What a supervisor needs of a child to start and stop it: nothing of tables.
pub(super) trait Member: Send {
    /// Its other side.
    fn node(&self) -> Arc<dyn Node>;

    fn rules(&self) -> Rules;

    /// What its first task is: the worker, or a supervisor. Only a worker has a second one, its manager.
    fn role(&self) -> Role;

    /// Starts its first task, once more.
    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task;

    /// Starts its manager, once more.
    fn start_manager(&mut self) {}

    /// Ends its manager; says whether it is gone at once.
    fn dismiss_manager(&mut self) -> bool {
        true
    }

    /// Whether it is the manager started last that has this number.
    fn is_manager(&self, _life: u64) -> bool {
        false
    }

    /// One of its tasks has ended, as far as its task could tell for this reason; returns the real one.
    fn ended(&mut self, role: Role, reason: ExitReason) -> ExitReason;

    /// How long it has to stop.
    fn patience(&self) -> Shutdown {
        self.rules().shutdown
    }

    /// One of its tasks goes on after it was aborted: it is left behind.
    fn left_behind(&mut self, role: Role);

    /// Takes the report of who did not stop in time below it.
    fn overdue(&mut self) -> Overdue {
        Overdue::default()
    }

    /// It takes the place, and the tables, of another one, which is down.
    fn take_over(&mut self) {}
}

/// The other side of a child, which everybody shares: it stays while the child comes and goes.
pub(super) trait Node: Send + Sync {
    fn name(&self) -> &Arc<str>;

    fn describe(&self) -> TreeNode;

    /// Whether it is gone for good.
    fn is_stopped(&self) -> bool;

    /// Resolves when it is up, and has been since its last start.
    fn up(self: Arc<Self>) -> Up;

    /// Whether it has been up since its last start.
    fn has_been_up(&self) -> bool;

    /// How long stopping it, and everything below it, can take.
    fn patience(&self) -> Duration;

    /// Its name in the whole tree, if it has one, is taken.
    fn enlist(self: Arc<Self>) -> Result<(), Arc<str>>;

    /// It is down until it is asked for.
    fn terminated(&self);

    /// It runs, and will not be started again once it has ended. A worker serves until it is asked to stop; a supervisor has each
    /// of its children do so.
    fn ends_for_good(&self, _why: &Stopped) {}

    /// It does not serve any more, and will not: its senders are told.
    fn close(&self, why: &Stopped);

    /// It is gone for good.
    fn retire(&self, why: &Stopped);

    /// It is gone for good, but its tables are not: another one has them.
    fn hand_over(&self);

    fn emit(&self, kind: EventKind);
}

pub(super) type Up = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a child is to be started and stopped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) significant: bool,
    pub(super) backoff: Backoff,
}

/// The first task of a child, while it runs.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) abort: AbortHandle,
    /// Dropped, it asks the task to stop.
    pub(super) stop: Option<StopOnDrop>,
}
