//! A picture of a tree.

use std::fmt;
use std::sync::Arc;

use crate::estate::EstateInfo;
use crate::post::{Post, Status};
use crate::worker::Handlers;

/// A tree at one instant: made by [`Supervisor::tree`](crate::Supervisor::tree). Its `Display` draws it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tree {
    /// The supervisor's name.
    pub name: Arc<str>,
    /// Its strategy, intensity and period.
    pub limits: String,
    /// Its workers, in the order in which they were started.
    pub children: Vec<TreeNode>,
}

/// A worker in a [`Tree`], with its manager.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeNode {
    /// Its name.
    pub name: Arc<str>,
    /// What it does.
    pub status: Status,
    /// Where its tables are.
    pub estate: EstateInfo,
    /// How many messages wait for it.
    pub queued: usize,
    /// Whether its manager runs.
    pub managed: bool,
}

/// Whatever can be drawn.
pub(super) trait Node: Send + Sync {
    fn name(&self) -> &Arc<str>;
    fn describe(&self) -> TreeNode;
}

impl<W: Handlers> Node for Post<W> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn describe(&self) -> TreeNode {
        TreeNode {
            name: Arc::clone(&self.name),
            status: self.status(),
            estate: self.estate.info(),
            queued: self.mailbox.queued(),
            managed: self.is_managed(),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.limits)?;
        for (index, child) in self.children.iter().enumerate() {
            let last = index + 1 == self.children.len();
            let TreeNode { name, status, estate, queued, managed } = child;
            write!(f, "\n├── {name} worker: {status}, {queued} queued")?;
            let branch = if last { "└──" } else { "├──" };
            write!(f, "\n{branch} {name} manager: {}", if *managed { "running" } else { "down" })?;
            if estate.heir.is_some() {
                f.write_str(", heir of the tables")?;
            }
            match (&estate.owner, estate.founded) {
                (Some(owner), _) => write!(f, "; owner: {} {}", owner.name, owner.incarnation)?,
                (None, true) => f.write_str("; the tables are in the estate")?,
                (None, false) => f.write_str("; no tables yet")?,
            }
        }
        Ok(())
    }
}
