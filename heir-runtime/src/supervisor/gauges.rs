//! What a tree has at the moment, as gauges of the facade `metrics`.

use metrics::gauge;

use crate::supervisor::handle::SupervisorHandle;
use crate::supervisor::tree::KindCounts;

/// Sets the gauges of a tree: how many workers, rows, queued messages and open replies there are of
/// each type of worker.
///
/// They are states, so nothing counts them as it happens: [`record`](Self::record) looks at the tree,
/// as [`SupervisorHandle::counts`] does. Call it before an exporter is scraped, or every few seconds.
///
/// ```
/// use heir_runtime::metrics::Gauges;
/// use heir_runtime::prelude::*;
/// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
/// # #[handlers]
/// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let mut tree = Supervisor::builder("app");
/// # let counter = tree.worker(Counter::spec());
/// # let tree = tree.start().await?;
/// let mut gauges = Gauges::of(&tree);
/// gauges.record(); // for each scrape
/// # tree.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Gauges {
    tree: SupervisorHandle,
    /// The types of workers that have had gauges: one that has no workers any more has zeroes.
    known: Vec<&'static str>,
}

impl Gauges {
    /// The gauges of the workers of this supervisor, and of all below it.
    pub fn of(tree: &SupervisorHandle) -> Self {
        Self { tree: tree.clone(), known: Vec::new() }
    }

    /// Looks at the tree, and sets the gauges.
    ///
    /// # Panics
    /// If the recorder does.
    pub fn record(&mut self) {
        let counts = self.tree.counts();
        for kind in &counts.kinds {
            set(kind);
            if !self.known.contains(&kind.kind) {
                self.known.push(kind.kind);
            }
        }
        for gone in self.known.iter().filter(|kind| counts.kind(kind).is_none()) {
            set(&KindCounts { kind: gone, ..KindCounts::default() });
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn set(kind: &KindCounts) {
    let worker = kind.kind;
    let statuses = [
        ("down", kind.statuses.down),
        ("starting", kind.statuses.starting),
        ("serving", kind.statuses.serving),
        ("unresponsive", kind.statuses.unresponsive),
        ("terminated", kind.statuses.terminated),
        ("gave_up", kind.statuses.gave_up),
        ("stopped", kind.statuses.stopped),
    ];
    for (status, workers) in statuses {
        gauge!("heir_workers", "worker" => worker, "status" => status).set(workers as f64);
    }
    gauge!("heir_mailbox_depth", "worker" => worker).set(kind.queued as f64);
    gauge!("heir_open_replies", "worker" => worker).set(kind.open_replies as f64);
    gauge!("heir_table_rows", "worker" => worker).set(kind.rows as f64);
    gauge!("heir_quarantined_bundles", "worker" => worker).set(kind.parked as f64);
}
