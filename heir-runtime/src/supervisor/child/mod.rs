//! A child of a supervisor: a worker with its manager, or a subtree.
//!
//! A child has two sides. The [`Member`] belongs to the child's supervisor, which starts and stops
//! the child's tasks by it. The [`Node`] is shared with handles and tasks, and stays while the tasks
//! come and go: by it the supervisor describes, closes and retires the child.

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
use crate::supervisor::health::Survey;
use crate::supervisor::report::Overdue;
use crate::supervisor::tree::{Page, TreeCounts, TreeNode, View};
use crate::tree::events::{EventKind, Role};
use crate::tree::parent::ChildId;
use crate::util::stop::StopOnDrop;
use crate::worker::Backoff;
use crate::worker::Restart;
use crate::worker::Shutdown;

/// A child as its supervisor owns it: what starting and stopping take, and nothing about tables.
pub(crate) trait Member: Send {
    /// The child's shared side.
    fn node(&self) -> Arc<dyn Node>;

    fn rules(&self) -> Rules;

    /// The role of the child's first task: worker or supervisor. Only a worker has a second task,
    /// its manager.
    fn role(&self) -> Role;

    /// Begins what the first start can do before its turn comes.
    fn prepare(&mut self) {}

    /// Starts the first task: a worker's next incarnation, or a supervisor's next life.
    fn spawn(&mut self, tasks: &mut JoinSet<ExitReason>) -> Task;

    /// Starts the worker's next manager.
    fn start_manager(&mut self) {}

    /// Ends the worker's manager; says whether it is gone at once.
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

    /// Notes that a task of the child has ended, with this reason as far as the task could tell;
    /// returns the real reason.
    fn note_end(&mut self, role: Role, reason: ExitReason) -> ExitReason;

    /// How long the child may take to stop.
    fn time_to_stop(&self) -> Shutdown {
        self.rules().shutdown
    }

    /// The time in which the whole tree is to end is over: a subtree aborts its own children. Says
    /// whether they are late.
    fn abort_rest(&self, _late: bool) {}

    /// A task of the child went on after it was aborted: it is left behind.
    fn left_behind(&mut self, role: Role);

    /// Takes the subtree's report of the children that did not stop in time.
    fn overdue(&mut self) -> Overdue {
        Overdue::default()
    }

    /// The child takes the place, and the tables, of a worker that is down.
    fn take_over(&mut self) {}
}

/// A child as everybody shares it: it stays while the child's tasks come and go.
pub(crate) trait Node: Send + Sync {
    fn name(&self) -> &Arc<str>;

    fn describe(&self, view: View<'_>) -> TreeNode;

    /// Some children of the supervisor that is at the path `below` this child, or of this child if
    /// there is none: `None` if no supervisor is there.
    fn page(&self, _below: Option<&str>, _wanted: Wanted<'_>) -> Option<Page> {
        None
    }

    /// Counts the child, and what is below it.
    fn count(&self, counts: &mut TreeCounts);

    /// The role of the child's first task: worker or supervisor.
    fn role(&self) -> Role;

    /// Whether the child runs, or is about to be restarted.
    fn is_active(&self) -> bool;

    /// Notes what is not well with the child, and below it.
    fn survey(&self, survey: &mut Survey);

    /// Whether the child is gone for good.
    fn is_stopped(&self) -> bool;

    /// Whether somebody has asked the child to stop for good. Such a request may overtake the one that
    /// adds the child.
    fn is_asked_to_stop(&self) -> bool;

    /// Resolves when the child has been up since its last start.
    fn up(self: Arc<Self>) -> Up;

    /// Whether the child has been up since its last start.
    fn has_been_up(&self) -> bool;

    /// How long it can take to stop the child and everything below it.
    fn time_to_stop(&self) -> Duration;

    /// Registers the child's name in the whole tree, if it has one; the error is the name, which is
    /// taken.
    fn register_name(self: Arc<Self>) -> Result<(), Arc<str>>;

    /// The child is down until it is restarted on request, or by a cycle.
    fn terminated(&self);

    /// The child is terminated, or the supervisor above it is: time that belongs to the child
    /// stands still until it serves again.
    fn stands_still(&self);

    /// The supervisor gives up on the child, which is a worker: its senders are told, until it is
    /// [reopened](Self::reopen).
    fn refuse(&self, _reason: &ExitReason) {}

    /// The child on which the supervisor gives up is down, until it is restarted on request, or in
    /// the supervisor's next life.
    fn gave_up(&self, _reason: &ExitReason) {}

    /// The child on which the supervisor had given up is about to be started again.
    fn reopen(&self) {}

    /// The child has its task, and will not be restarted once that has ended. A supervisor closes
    /// its children, each in its turn; a worker serves until it is asked to stop.
    fn close_in_turn(&self, _why: &Stopped) {}

    /// The child serves no more, and will not again: its senders are told.
    fn close(&self, why: &Stopped);

    /// The child is gone for good.
    fn retire(&self, why: &Stopped);

    /// The child is gone for good, and a successor has its tables.
    fn hand_over(&self);

    fn emit(&self, kind: EventKind);
}

pub(crate) type Up = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Which children of a supervisor are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'w> {
    /// The supervisor's path.
    pub(crate) path: &'w str,
    pub(crate) from: ChildId,
    pub(crate) at_most: usize,
}

/// How a supervisor treats a child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) backoff: Backoff,
}

/// The handles of a child's first task, while it runs.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) abort: AbortHandle,
    /// When it is dropped, the task is asked to stop.
    pub(crate) stop: Option<StopOnDrop>,
}
