//! Reading an `OrderedTable`.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use super::rows::OrderedRows;
use crate::table::any::AnyCore as _;
use crate::table::boundary::Taking;
use crate::table::info::TableInfo;
use crate::table::rows::{PAGE, Rows, Selection};
use crate::table::shown::{SHOWN, Shown};
use crate::table::snapshot::Snapshot;
use crate::table::sorted::Core;

/// Reads an [`OrderedTable`](super::OrderedTable) from anywhere, whether somebody owns it or not.
///
/// A reader sees the rows that messages have committed, row by row: never a row of a message that
/// is under way, or that has died. What it reads of several rows may be of several boundaries;
/// [`snapshot`](Self::snapshot) is of one. It never waits for a message: at most for a commit to
/// move some rows.
pub struct OrderedTableReader<K, V> {
    pub(in crate::table) core: Arc<Core<K, V>>,
}

identity!(OrderedTableReader);
reads!(OrderedTableReader);
walks!(OrderedTableReader, OrderedRows, [Ord], "row", "rows");

impl<K, V> OrderedTableReader<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The rows `condition` is true of, in order and some at a time, going on where it left off.
    pub fn selection<'a>(&self, condition: impl FnMut(&K, &V) -> bool + Send + 'a) -> Selection<'a, K, V> {
        let core = Arc::clone(&self.core);
        let mut last: Option<K> = None;
        let rows = Rows::new(move || {
            let after = last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let page = core.page((after, Bound::Unbounded), PAGE, false);
            last = Some(page.0.last()?.0.clone());
            Some(page)
        });
        Selection::new(rows, condition)
    }

    /// What the table knows of itself (ETS `info`).
    pub fn info(&self) -> TableInfo {
        TableInfo { rows: self.len(), boundary: self.core.boundaries.last() }
    }

    /// A copy of the table as of the last message boundary: never the middle of a message.
    ///
    /// It takes time and memory for every row, in the caller's thread. The owner goes on meanwhile;
    /// what it replaces is kept until the copy is done.
    ///
    /// # Panics
    /// In the `Clone` or `Ord` of a row, if that panics; and if it is called in one of them.
    pub fn snapshot(&self) -> Snapshot<BTreeMap<K, V>> {
        Snapshot::take(&self.core.boundaries, |taking| self.rows_at(taking), || self.core.give_up_replaced())
    }

    /// The rows as of the boundary of a snapshot: `None` if they have been exchanged since.
    pub(in crate::table) fn rows_at(&self, taking: &Taking) -> Option<BTreeMap<K, V>> {
        Some(self.core.copy(taking).ok()?.into_vec().into_iter().collect())
    }

    fn source(&self) -> &Core<K, V> {
        &self.core
    }
}
