//! What a diagram of a tree shows, in whatever language it is written: a box for each supervisor and
//! each worker, and a line from each supervisor to its children.

use super::counts::Rows;
use super::nodes::{Tree, TreeNode, WorkerNode};
use super::status::SubtreeStatus;

/// A supervisor or a worker in a diagram.
pub(super) struct Shape {
    /// The number of the box, from 0.
    pub(super) number: usize,
    /// The number of its supervisor's box.
    pub(super) above: Option<usize>,
    pub(super) of: Of,
    /// What stands in it, line by line.
    pub(super) lines: Vec<String>,
}

/// What a box stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Supervisor {
        runs: bool,
    },
    Worker {
        serves: bool,
    },
    /// The children that are not listed.
    Others,
}

impl Of {
    /// Whether it stands for a worker that does not serve, or a supervisor that does not run.
    pub(super) fn is_down(self) -> bool {
        matches!(self, Self::Supervisor { runs: false } | Self::Worker { serves: false })
    }
}

/// Hands the boxes of a tree to `draw`, each after that of its supervisor.
pub(super) fn each_shape(tree: &Tree, mut draw: impl FnMut(&Shape)) {
    let mut next = 0;
    let mut number = || {
        next += 1;
        next - 1
    };
    supervisor(tree, None, &mut number, &mut draw);
}

fn supervisor(
    tree: &Tree,
    above: Option<usize>,
    next: &mut dyn FnMut() -> usize,
    draw: &mut dyn FnMut(&Shape),
) {
    let number = next();
    let of = Of::Supervisor { runs: tree.status == SubtreeStatus::Running };
    draw(&Shape { number, above, of, lines: of_supervisor(tree) });
    let above = Some(number);
    for child in &tree.children {
        match child {
            TreeNode::Supervisor(tree) => supervisor(tree, above, next, draw),
            TreeNode::Worker(worker) => {
                let of = Of::Worker { serves: worker.serves() };
                draw(&Shape { number: next(), above, of, lines: of_worker(worker) });
            }
        }
    }
    if let Some(left_out) = &tree.left_out {
        let lines = vec![format!("and {} more", left_out.children)];
        draw(&Shape { number: next(), above, of: Of::Others, lines });
    }
}

fn of_supervisor(tree: &Tree) -> Vec<String> {
    let mut lines = vec![tree.name.to_string(), tree.limits.clone()];
    if tree.status != SubtreeStatus::Running {
        lines.push(tree.status.to_string());
    }
    if tree.restarts > 0 {
        lines.push(format!("{} restarts", tree.restarts));
    }
    lines
}

fn of_worker(worker: &WorkerNode) -> Vec<String> {
    let mut lines = vec![worker.name.to_string(), worker.status.to_string()];
    lines.extend(worker.tables.iter().map(|table| format!("{}: {}", table.name, Rows(table.rows))));
    for (count, what) in
        [(worker.queued, "queued"), (worker.open_replies, "replies owed"), (worker.parked, "parked")]
    {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    lines
}

/// The characters of a text; for a control character, its escape in Rust.
pub(super) fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(|char| {
        let escaped = char.is_control().then(|| char.escape_default());
        let seen = escaped.is_none().then_some(char);
        seen.into_iter().chain(escaped.into_iter().flatten())
    })
}
