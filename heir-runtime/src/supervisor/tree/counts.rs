//! Counts of what is in a tree: by kind and status, with sums. They grow with the kinds of workers,
//! and not with the workers.

use std::fmt;

use super::status::SubtreeStatus;
use crate::process::status::Status;
use crate::util::steps::made;

/// How many workers and supervisors a tree has, by kind and status: from
/// [`SupervisorHandle::counts`](crate::SupervisorHandle::counts).
///
/// Its `Display` has a line for each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TreeCounts {
    /// The supervisors, by what they do.
    pub supervisors: SupervisorCounts,
    /// The workers, by [kind](crate::supervision::WorkerNode::kind): in the order of the kinds' names.
    pub kinds: Vec<KindCounts>,
}

/// How many workers of one kind there are, in a [`TreeCounts`], and what they have together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KindCounts {
    /// The kind of these workers, as in [`WorkerNode::kind`](crate::supervision::WorkerNode::kind).
    /// Types of one name are one kind.
    pub kind: &'static str,
    /// How many there are.
    pub workers: usize,
    /// How many there are of each status.
    pub statuses: StatusCounts,
    /// How many rows their recorded tables have.
    pub rows: usize,
    /// How many messages are in their mailboxes.
    pub queued: usize,
    /// How many callers wait for a [`Reply`](crate::Reply) that comes later.
    pub open_replies: usize,
    /// How many bundles of their tables are quarantined, and wait to be taken out.
    pub parked: usize,
}

/// How many workers have each [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StatusCounts {
    /// [`Status::Down`].
    pub down: usize,
    /// [`Status::Starting`].
    pub starting: usize,
    /// [`Status::Serving`].
    pub serving: usize,
    /// [`Status::Unresponsive`].
    pub unresponsive: usize,
    /// [`Status::Terminated`].
    pub terminated: usize,
    /// [`Status::GaveUp`].
    pub gave_up: usize,
    /// [`Status::Stopped`].
    pub stopped: usize,
}

/// How many supervisors have each [`SubtreeStatus`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SupervisorCounts {
    /// [`SubtreeStatus::Down`].
    pub down: usize,
    /// [`SubtreeStatus::Starting`].
    pub starting: usize,
    /// [`SubtreeStatus::Running`].
    pub running: usize,
    /// [`SubtreeStatus::Terminated`].
    pub terminated: usize,
    /// [`SubtreeStatus::Stopped`].
    pub stopped: usize,
}

/// The children of one supervisor that a [`Tree`](crate::supervision::Tree) does not list, and what is below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeftOut {
    /// How many children are not listed.
    pub children: usize,
    /// The workers and supervisors among these children, and below them.
    pub counts: TreeCounts,
}

impl TreeCounts {
    /// Returns the workers of one kind, if there are any.
    pub fn kind(&self, kind: &str) -> Option<&KindCounts> {
        let at = self.kinds.binary_search_by(|counts| counts.kind.cmp(kind)).ok()?;
        Some(&self.kinds[at])
    }

    /// Returns how many workers there are of all kinds together.
    pub fn workers(&self) -> usize {
        self.kinds.iter().map(|kind| kind.workers).sum()
    }

    /// The counts of a kind, which has none yet if it is new.
    pub(crate) fn of_kind(&mut self, kind: &'static str) -> &mut KindCounts {
        let at = self.kinds.binary_search_by(|counts| {
            made(1);
            counts.kind.cmp(kind)
        });
        let at = at.unwrap_or_else(|at| {
            self.kinds.insert(at, KindCounts { kind, ..KindCounts::default() });
            at
        });
        &mut self.kinds[at]
    }
}

impl StatusCounts {
    pub(crate) fn add(&mut self, status: &Status) {
        *match status {
            Status::Down => &mut self.down,
            Status::Starting { .. } => &mut self.starting,
            Status::Serving { .. } => &mut self.serving,
            Status::Unresponsive { .. } => &mut self.unresponsive,
            Status::Terminated => &mut self.terminated,
            Status::GaveUp(_) => &mut self.gave_up,
            Status::Stopped(_) => &mut self.stopped,
        } += 1;
    }

    fn named(&self) -> [(usize, &'static str); 7] {
        [
            (self.serving, "serving"),
            (self.starting, "starting"),
            (self.down, "down"),
            (self.unresponsive, "unresponsive"),
            (self.terminated, "terminated"),
            (self.gave_up, "given up"),
            (self.stopped, "stopped"),
        ]
    }
}

impl SupervisorCounts {
    pub(crate) fn add(&mut self, status: &SubtreeStatus) {
        *match status {
            SubtreeStatus::Down => &mut self.down,
            SubtreeStatus::Starting => &mut self.starting,
            SubtreeStatus::Running => &mut self.running,
            SubtreeStatus::Terminated => &mut self.terminated,
            SubtreeStatus::Stopped(_) => &mut self.stopped,
        } += 1;
    }

    fn named(&self) -> [(usize, &'static str); 5] {
        [
            (self.running, "running"),
            (self.starting, "starting"),
            (self.down, "down"),
            (self.terminated, "terminated"),
            (self.stopped, "stopped"),
        ]
    }
}

/// `1 row`, `2 rows`.
pub(super) struct Rows(pub(super) usize);

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(rows) = self;
        write!(f, "{rows} {}", if *rows == 1 { "row" } else { "rows" })
    }
}

/// Writes those that are not 0: `2 serving, 1 down`.
fn list(f: &mut fmt::Formatter<'_>, counts: &[(usize, &str)]) -> fmt::Result {
    let mut between = "";
    for (count, name) in counts.iter().filter(|(count, _)| *count > 0) {
        write!(f, "{between}{count} {name}")?;
        between = ", ";
    }
    if between.is_empty() { f.write_str("none") } else { Ok(()) }
}

impl fmt::Display for StatusCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.named())
    }
}

impl fmt::Display for SupervisorCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.named())
    }
}

impl fmt::Display for KindCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, statuses, rows, queued, open_replies, parked, .. } = self;
        write!(f, "{kind}: {statuses}; {queued} queued")?;
        if *rows > 0 {
            write!(f, ", {}", Rows(*rows))?;
        }
        for (count, name) in [(open_replies, "replies owed"), (parked, "parked")] {
            if *count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for TreeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "supervisors: {}", self.supervisors)?;
        self.kinds.iter().try_for_each(|kind| write!(f, "\n{kind}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::steps::steps;

    #[test]
    fn counts_take_room_for_each_kind_and_a_search_among_kinds_for_each_worker() {
        const KINDS: [&str; 4] = ["d", "a", "c", "b"];
        let mut counts = TreeCounts::default();
        let made = steps(|| {
            for kind in KINDS.iter().cycle().take(100_000) {
                counts.of_kind(kind).workers += 1;
            }
        });
        assert!((100_000..=300_000).contains(&made), "{made} comparisons");
        let kinds: Vec<_> = counts.kinds.iter().map(|kind| (kind.kind, kind.workers)).collect();
        assert_eq!(kinds, ["a", "b", "c", "d"].map(|kind| (kind, 25_000)));
        assert!(counts.kinds.capacity() <= 8);
        assert_eq!((counts.workers(), counts.kind("c").unwrap().workers), (100_000, 25_000));
    }
}
