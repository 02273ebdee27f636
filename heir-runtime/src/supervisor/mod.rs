//! The supervisor: starts workers and managers in order, starts them again when they end, stops them in reverse.

mod builder;
mod child;
mod intensity;
mod run;
mod slot;
mod tree;

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use self::builder::SupervisorBuilder;
pub use self::tree::{Tree, TreeNode};
use crate::events::Role;
use crate::exit::ExitReason;
use crate::mailbox::Stopped;
use crate::post::Command;

/// A running tree: made by [`Supervisor::builder`].
///
/// As OTP's `supervisor` with strategy `one_for_one`: a child that ends is started again, alone, as its
/// [`Restart`](crate::Restart) type says. More restarts than the intensity allows, and the supervisor gives up: it stops all
/// of its children, tells everyone who waits for one, and leaves their tables in their estates.
///
/// Dropping it asks the tree to stop, without waiting; [`shutdown`](Self::shutdown) waits, and tells how it went.
#[must_use = "dropping the supervisor stops its tree"]
pub struct Supervisor {
    name: Arc<str>,
    commands: mpsc::UnboundedSender<Command>,
    // Until it has ended; then there is a report.
    task: Option<JoinHandle<ShutdownReport>>,
    report: Option<ShutdownReport>,
    nodes: Vec<Arc<dyn tree::Node>>,
    limits: String,
}

impl Supervisor {
    /// A tree called `name`, without children yet.
    pub fn builder(name: impl Into<Arc<str>>) -> SupervisorBuilder {
        SupervisorBuilder::new(name.into())
    }

    /// Stops the children in reverse order, each within its shutdown timeout, and waits until they have ended.
    ///
    /// It does not wait for a child that does not yield to the runtime: that is left behind, and named in the report. (A destructor
    /// among what a worker leaves behind runs in the supervisor's task, and must not block.) Dropping the future does not take the
    /// request back.
    pub async fn shutdown(mut self) -> ShutdownReport {
        let _ = self.commands.send(Command::Shutdown);
        self.wait().await
    }

    /// Waits until the tree has ended, because its supervisor gave up or was [shut down](Self::shutdown).
    ///
    /// Cancel safe.
    pub async fn wait(&mut self) -> ShutdownReport {
        if let Some(task) = &mut self.task {
            // Whatever is a user's is caught in its task: it can fail only by being dropped with its runtime.
            let report = task.await.unwrap_or_else(|_| ShutdownReport::new(Stopped::Dropped));
            self.task = None;
            self.report = Some(report);
        }
        self.report.clone().unwrap_or_else(|| ShutdownReport::new(Stopped::Dropped))
    }

    /// The tree as it is now: who serves, who owns which tables. Its `Display` draws it.
    pub fn tree(&self) -> Tree {
        Tree {
            name: Arc::clone(&self.name),
            limits: self.limits.clone(),
            children: self.nodes.iter().map(|node| node.describe()).collect(),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Shutdown);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a tree ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Why.
    pub why: Stopped,
    /// The children that went on after they were aborted, because they do not yield to the runtime. What each holds comes back
    /// to its estate when it lets go.
    pub unresponsive: Vec<(Arc<str>, Role)>,
}

impl ShutdownReport {
    fn new(why: Stopped) -> Self {
        Self { why, unresponsive: Vec::new() }
    }
}

/// Why a tree did not start. What had been started was stopped again, in reverse order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two children have one name.
    #[error("two children are called `{0}`: give one of them another name with `Spec::name`")]
    DuplicateName(Arc<str>),
    /// A child ended before it was up.
    #[error("the {role} of `{child}` did not start: {reason}")]
    #[non_exhaustive]
    Child {
        /// Its name.
        child: Arc<str>,
        /// The worker, or its manager (which creates the tables).
        role: Role,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The tree was stopped, or gave up, before its last child was up.
    #[error("the tree ended while it was starting: {0}")]
    Stopped(Stopped),
}
