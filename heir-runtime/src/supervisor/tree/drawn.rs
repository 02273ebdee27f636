//! A tree, drawn with lines of text.

use std::fmt;

use super::counts::Rows;
use super::nodes::{Tree, TreeNode, WorkerNode};
use super::status::SubtreeStatus;

/// The most children of one supervisor that are drawn.
const DRAWN: usize = 20;

impl Tree {
    /// Draws the supervisor and everything below it; each further line begins with `indent`.
    fn draw(&self, indent: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.limits)?;
        if self.status != SubtreeStatus::Running {
            write!(f, ": {}", self.status)?;
        }
        let drawn = self.children.len().min(DRAWN);
        let not_listed = self.left_out.as_ref().map_or(0, |left_out| left_out.children);
        let left_out = self.children.len() - drawn + not_listed;
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
                write!(f, "\n{indent}├── {} worker: ", worker.name)?;
                worker.draw(f)?;
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
    fn draw(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} queued", self.status, self.queued)?;
        if !self.tables.is_empty() {
            write!(f, ", {}", Rows(self.rows()))?;
        }
        if self.open_replies > 0 {
            write!(f, ", {} replies owed", self.open_replies)?;
        }
        if self.parked > 0 {
            write!(f, ", {} parked", self.parked)?;
        }
        Ok(())
    }

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
