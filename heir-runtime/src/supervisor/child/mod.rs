//! A child of a supervisor, whatever it is: a worker with its manager, or the root of a subtree.

pub(crate) mod spec;
pub(crate) mod subtree;
pub(crate) mod worker;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use crate::process::exit::ExitReason;
use crate::process::status::Stopped;
use crate::supervisor::report::Overdue;
use crate::supervisor::tree::TreeNode;
use crate::tree::events::{EventKind, Role};
use crate::util::stop::StopOnDrop;
use crate::worker::Backoff;
use crate::worker::Restart;
use crate::worker::Shutdown;

/// What a supervisor needs of a child to start and stop it: nothing of tables.
pub(crate) trait Member: Send {
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

    /// Whether its manager, if it ever had one, has ended.
    fn has_no_manager(&self) -> bool {
        true
    }

    /// Whether it is the manager started last that has this number.
    fn is_manager(&self, _life: u64) -> bool {
        false
    }

    /// One of its tasks has ended, as far as its task could tell for this reason; returns the real one.
    fn ended(&mut self, role: Role, reason: ExitReason) -> ExitReason;

    /// How long it has to stop.
    fn time_to_stop(&self) -> Shutdown {
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
pub(crate) trait Node: Send + Sync {
    fn name(&self) -> &Arc<str>;

    fn describe(&self) -> TreeNode;

    /// Whether it is gone for good.
    fn is_stopped(&self) -> bool;

    /// Resolves when it is up, and has been since its last start.
    fn up(self: Arc<Self>) -> Up;

    /// Whether it has been up since its last start.
    fn has_been_up(&self) -> bool;

    /// How long stopping it, and everything below it, can take.
    fn time_to_stop(&self) -> Duration;

    /// Its name in the whole tree, if it has one, is taken.
    fn register_name(self: Arc<Self>) -> Result<(), Arc<str>>;

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

pub(crate) type Up = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a child is to be started and stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) backoff: Backoff,
}

/// The first task of a child, while it runs.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) abort: AbortHandle,
    /// Dropped, it asks the task to stop.
    pub(crate) stop: Option<StopOnDrop>,
}
