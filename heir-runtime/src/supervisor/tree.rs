//! Pictures of a tree.

use std::fmt;
use std::sync::Arc;

use crate::estate::EstateInfo;
use crate::process::status::Status;
use crate::process::status::Stopped;

/// A picture of a tree at one instant, from [`Supervisor::tree`](crate::Supervisor::tree). Its
/// `Display` draws it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Tree {
    /// The supervisor's name.
    pub name: Arc<str>,
    /// The supervisor's strategy, intensity and period, in words.
    pub limits: String,
    /// What the supervisor does.
    pub status: SubtreeStatus,
    /// The supervisor's children, in the order in which they are started.
    pub children: Vec<TreeNode>,
}

/// A child in a [`Tree`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TreeNode {
    /// A worker, with its manager.
    Worker(WorkerNode),
    /// A supervisor, with everything below it.
    Supervisor(Tree),
}

/// A worker in a [`Tree`], with its manager.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkerNode {
    /// The worker's name.
    pub name: Arc<str>,
    /// What the worker does.
    pub status: Status,
    /// Where the worker's tables are.
    pub estate: EstateInfo,
    /// How many messages are in the worker's mailbox.
    pub queued: usize,
    /// How many callers wait for a [`Reply`](crate::Reply) that comes later.
    pub open_replies: usize,
    /// Whether the worker has a manager, running or on call.
    pub managed: bool,
}

/// What a supervisor does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SubtreeStatus {
    /// The supervisor does not run: it has not started, or is about to be restarted.
    Down,
    /// The supervisor starts its children.
    Starting,
    /// The supervisor has started its children, and supervises them.
    Running,
    /// The supervisor does not run until it is restarted on request, after
    /// [`SupervisorHandle::terminate_child`](crate::SupervisorHandle::terminate_child).
    Terminated,
    /// The supervisor has stopped for good.
    Stopped(Stopped),
}

/// The most children of one supervisor that are drawn.
const DRAWN: usize = 20;

impl TreeNode {
    /// Returns the name of the worker, or of the supervisor.
    pub fn name(&self) -> &str {
        match self {
            Self::Worker(worker) => &worker.name,
            Self::Supervisor(tree) => &tree.name,
        }
    }

    /// Whether the child runs, or is about to be restarted.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Worker(worker) => {
                !matches!(worker.status, Status::Terminated | Status::GaveUp(_) | Status::Stopped(_))
            }
            Self::Supervisor(tree) => {
                !matches!(tree.status, SubtreeStatus::Terminated | SubtreeStatus::Stopped(_))
            }
        }
    }

    /// Whether the child has stopped for good.
    pub fn is_stopped(&self) -> bool {
        match self {
            Self::Worker(worker) => matches!(worker.status, Status::Stopped(_)),
            Self::Supervisor(tree) => matches!(tree.status, SubtreeStatus::Stopped(_)),
        }
    }
}

impl Tree {
    /// Draws the supervisor and everything below it; each further line begins with `indent`.
    fn draw(&self, indent: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.limits)?;
        if self.status != SubtreeStatus::Running {
            write!(f, ": {}", self.status)?;
        }
        let left_out = self.children.len().saturating_sub(DRAWN);
        let drawn = self.children.len() - left_out;
        for (index, child) in self.children[..drawn].iter().enumerate() {
            child.draw(indent, left_out == 0 && index + 1 == drawn, f)?;
        }
        if left_out > 0 {
            write!(f, "\n{indent}└── and {left_out} more")?;
        }
        Ok(())
    }
}

impl TreeNode {
    fn draw(&self, indent: &str, last: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (branch, below) = if last { ("└──", "    ") } else { ("├──", "│   ") };
        match self {
            Self::Worker(worker) => {
                write!(
                    f,
                    "\n{indent}├── {} worker: {}, {} queued",
                    worker.name, worker.status, worker.queued
                )?;
                if worker.open_replies > 0 {
                    write!(f, ", {} replies owed", worker.open_replies)?;
                }
                write!(f, "\n{indent}{branch} {} manager: ", worker.name)?;
                worker.draw_manager(f)
            }
            Self::Supervisor(tree) => {
                write!(f, "\n{indent}{branch} ")?;
                tree.draw(&format!("{indent}{below}"), f)
            }
        }
    }
}

impl WorkerNode {
    fn draw_manager(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.managed { "running" } else { "down" })?;
        if self.estate.heir.is_some() {
            f.write_str(", heir of the tables")?;
        }
        match (&self.estate.owner, self.estate.founded) {
            (Some(owner), _) => write!(f, "; owner: {} {}", owner.name, owner.incarnation),
            (None, true) => f.write_str("; the tables are in the estate"),
            (None, false) => f.write_str("; no tables yet"),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw("", f)
    }
}

impl fmt::Display for SubtreeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Starting => f.write_str("starting"),
            Self::Running => f.write_str("running"),
            Self::Terminated => f.write_str("terminated"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}
