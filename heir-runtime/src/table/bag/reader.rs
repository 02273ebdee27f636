//! Reading a `BagTable`.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::read::{self, BagRows as _};
use crate::table::any::AnyCore as _;
use crate::table::boundary::Taking;
use crate::table::hashed::{Core, Many};
use crate::table::info::TableInfo;
use crate::table::rows::{PAGE, Rows, Selection};
use crate::table::shown::{SHOWN, Shown};
use crate::table::snapshot::Snapshot;

/// Reads a [`BagTable`](super::BagTable) from anywhere, whether somebody owns it or not.
///
/// A reader sees the rows that messages have committed, key by key: never a row of a message that
/// is under way, or that has died. What it reads of several keys may be of several boundaries;
/// [`snapshot`](Self::snapshot) is of one. It never waits for a message: at most for a commit to
/// move a row.
pub struct BagTableReader<K, V> {
    pub(in crate::table) core: Arc<Core<K, Many<V>>>,
}

identity!(BagTableReader);
reads!(BagTableReader);
walks!(BagTableReader, Rows, [Eq + Hash], "pair", "pairs");

impl<K, V> BagTableReader<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The pairs `condition` is true of, some at a time, going on where it left off.
    pub fn selection<'a>(&self, condition: impl FnMut(&K, &V) -> bool + Send + 'a) -> Selection<'a, K, V> {
        let core = Arc::clone(&self.core);
        let mut from = Some(0);
        let rows = Rows::new(move || {
            let (page, next) = core.page(from?, PAGE);
            from = next;
            Some(read::pairs(page))
        });
        Selection::new(rows, condition)
    }

    /// What the table knows of itself (ETS `info`).
    pub fn info(&self) -> TableInfo {
        TableInfo { rows: self.len(), boundary: self.core.boundaries.last() }
    }

    /// A copy of the table as of the last message boundary: never the middle of a message.
    ///
    /// It takes time and memory for every pair, in the caller's thread. The owner goes on meanwhile;
    /// what it replaces is kept until the copy is done.
    ///
    /// # Panics
    /// In the `Clone`, `Eq` or `Hash` of a row, if that panics; and if it is called in one of them.
    pub fn snapshot(&self) -> Snapshot<HashMap<K, Vec<V>>> {
        Snapshot::take(&self.core.boundaries, |taking| self.rows_at(taking), || self.core.give_up_replaced())
    }

    /// The rows as of the boundary of a snapshot: `None` if they have been exchanged since.
    pub(in crate::table) fn rows_at(&self, taking: &Taking) -> Option<HashMap<K, Vec<V>>> {
        let mut copied = self.core.copy(taking).ok()?;
        let lists =
            copied.0.drain(..).map(|(key, list)| (key, list.0.into_iter().map(|(_, value)| value).collect()));
        Some(lists.collect())
    }

    fn source(&self) -> &Core<K, Many<V>> {
        &self.core
    }
}
