//! A tree as data: its supervisors, workers and tables.

use std::sync::Arc;
use std::time::Duration;

use super::counts::LeftOut;
use super::status::SubtreeStatus;
use crate::estate::EstateInfo;
use crate::process::status::Status;

/// A picture of a tree, from [`SupervisorHandle::tree`](crate::SupervisorHandle::tree): a
/// supervisor, with everything below it.
///
/// Its `Display` draws it with lines of text, [`to_mermaid`](Self::to_mermaid) and
/// [`to_dot`](Self::to_dot) as a diagram. Each node was looked at for itself, so two of them may be
/// of slightly different instants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Tree {
    /// The supervisor's name.
    pub name: Arc<str>,
    /// The supervisor's name after those of all supervisors above it, down from the one that was
    /// asked: `app/shop/baskets`.
    pub path: String,
    /// The name that the supervisor was built with, also if it has been given another
    /// [`name`](Self::name) since: of a declared tree the name of its type, of a
    /// [`Dynamic`](crate::Dynamic) that of its workers' type.
    pub kind: Arc<str>,
    /// Whether it is the supervisor of a [`Dynamic`](crate::Dynamic).
    pub dynamic: bool,
    /// The supervisor's strategy, intensity and period, in words.
    pub limits: String,
    /// How many restarts count at the moment: those of all children together that are not older
    /// than the [`period`](Self::period), but for the workers that count for themselves
    /// ([`WorkerNode::restarts`]). 0 if any number is allowed, because nobody counts them then.
    pub restarts: usize,
    /// How many restarts the supervisor allows in one [`period`](Self::period): `None` if any number.
    pub intensity: Option<u32>,
    /// How long a restart counts.
    pub period: Duration,
    /// Whether each worker has the [`intensity`](Self::intensity) for itself, as in a
    /// [`Dynamic`](crate::Dynamic) that does not [escalate](crate::SupervisorBuilder::escalate).
    pub for_each_key: bool,
    /// What the supervisor does.
    pub status: SubtreeStatus,
    /// The supervisor's children, in the order in which they are started.
    pub children: Vec<TreeNode>,
    /// The children behind these, if there are more than were
    /// [asked for](crate::SupervisorHandle::tree_up_to).
    pub left_out: Option<LeftOut>,
}

/// A child in a [`Tree`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TreeNode {
    /// A worker, with its manager.
    Worker(WorkerNode),
    /// A supervisor, with everything below it.
    Supervisor(Tree),
}

/// A worker in a [`Tree`], with its manager.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkerNode {
    /// The worker's name.
    pub name: Arc<str>,
    /// The worker's name after those of all supervisors above it, down from the one that was asked:
    /// `app/shop/stock`.
    pub path: String,
    /// The name of the worker's type ([`Worker::NAME`](crate::by_hand::Worker::NAME)). All workers of
    /// a [`Dynamic`](crate::Dynamic) have it in common.
    pub kind: &'static str,
    /// What the worker does.
    pub status: Status,
    /// The number of the newest incarnation, alive or ended: `None` before the first.
    pub incarnation: Option<u64>,
    /// How long the newest incarnation has been alive, by tokio's clock: `None` once it has ended.
    pub age: Option<Duration>,
    /// How many restarts of this worker, with its manager, count at the moment: for a worker of a
    /// [`Dynamic`](crate::Dynamic), which counts them [for each key](Tree::for_each_key). `None` for
    /// all other workers.
    pub restarts: Option<usize>,
    /// Where the worker's tables are: who owns them, and who is to get them.
    pub estate: EstateInfo,
    /// The worker's recorded tables, in the order of its fields.
    pub tables: Vec<TableNode>,
    /// How many bundles of tables are quarantined, and wait to be
    /// [taken out](crate::Handle::take_quarantined).
    pub parked: usize,
    /// How many messages are in the worker's mailbox.
    pub queued: usize,
    /// How many callers wait for a [`Reply`](crate::Reply) that comes later.
    pub open_replies: usize,
    /// Whether the worker has a manager, running or on call.
    pub managed: bool,
}

/// A recorded table of a worker, in a [`WorkerNode`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TableNode {
    /// The name of the worker's field. A worker that is written by hand may give its tables other
    /// names ([`Worker::TABLE_NAMES`](crate::by_hand::Worker::TABLE_NAMES)), or none: then it is
    /// `table`.
    pub name: &'static str,
    /// How many rows are committed; in a bag, how many pairs.
    pub rows: usize,
}

/// Some children of a supervisor, from [`SupervisorHandle::page`](crate::SupervisorHandle::page).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Page {
    /// The children, in the order in which they are started. A supervisor among them lists none of
    /// its own children, and [counts](Tree::left_out) them.
    pub children: Vec<TreeNode>,
    /// Where the next page begins: `None` if no child is left.
    pub next: Option<u64>,
}

/// What is to be seen of a tree.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    /// The path of the supervisor above, if any.
    pub(crate) above: Option<&'v str>,
    /// How many children of each supervisor are listed.
    pub(crate) listed: usize,
}

impl View<'_> {
    /// The path of what has this name.
    pub(crate) fn path(self, name: &str) -> String {
        match self.above {
            Some(above) => [above, "/", name].concat(),
            None => name.to_owned(),
        }
    }
}

impl TreeNode {
    /// Returns the name of the worker, or of the supervisor.
    pub fn name(&self) -> &str {
        match self {
            Self::Worker(worker) => &worker.name,
            Self::Supervisor(tree) => &tree.name,
        }
    }

    /// Returns the path of the worker, or of the supervisor: `app/shop/stock`.
    pub fn path(&self) -> &str {
        match self {
            Self::Worker(worker) => &worker.path,
            Self::Supervisor(tree) => &tree.path,
        }
    }

    /// Whether the child runs, or is about to be restarted.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Worker(worker) => worker.status.is_active(),
            Self::Supervisor(tree) => tree.status.is_active(),
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

impl WorkerNode {
    /// Returns how many rows the recorded tables have together.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Whether an incarnation serves.
    pub(super) fn serves(&self) -> bool {
        matches!(self.status, Status::Serving { .. })
    }
}
