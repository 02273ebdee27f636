//! Reading an `OrderedTable`.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::table::info::TableInfo;
use crate::table::selection::Selection;
use crate::table::snapshot::Snapshot;
use crate::table::sorted::{Row, SortedCore, SortedStore, cloned};
use crate::table::store::Store;

/// Reads an [`OrderedTable`](super::OrderedTable) from anywhere, whether somebody owns it or not.
///
/// A reader sees each write as it happens, also those of the message under way, which may yet be undone;
/// [`snapshot`](Self::snapshot) is for those who want message boundaries only.
pub struct OrderedTableReader<K, V> {
    pub(in crate::table) core: SortedCore<K, V>,
}

impl<K, V> OrderedTableReader<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value of a row.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.with(key, V::clone)
    }

    /// The value of a row, or `default` if there is none (ETS `lookup_element/4`).
    pub fn get_or<Q>(&self, key: &Q, default: V) -> V
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.get(key).unwrap_or(default)
    }

    /// Looks at the value of a row without cloning it.
    ///
    /// No lock is held: `look` may use the table, and take its time. What it looks at stays what it was.
    pub fn with<Q, R>(&self, key: &Q, look: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.store().row(key).map(|row| look(&row.1))
    }

    /// Whether there is a row with this key (ETS `member`).
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.store().read().contains_key(key)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.store().len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first row (ETS `first_lookup`).
    pub fn first(&self) -> Option<(K, V)> {
        self.store().first_in::<K>((Bound::Unbounded, Bound::Unbounded)).map(|row| cloned(&row))
    }

    /// The last row (ETS `last_lookup`).
    pub fn last(&self) -> Option<(K, V)> {
        self.store().last_in::<K>((Bound::Unbounded, Bound::Unbounded)).map(|row| cloned(&row))
    }

    /// The first row after `key`, which need not be there itself (ETS `next_lookup`).
    pub fn next<Q>(&self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.store().first_in((Bound::Excluded(key), Bound::Unbounded)).map(|row| cloned(&row))
    }

    /// The last row before `key`, which need not be there itself (ETS `prev_lookup`).
    pub fn prev<Q>(&self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.store().last_in((Bound::Unbounded, Bound::Excluded(key))).map(|row| cloned(&row))
    }

    /// The rows of a range, copied first.
    ///
    /// # Panics
    /// As `BTreeMap::range` does, if the range ends before it starts.
    pub fn range<Q>(&self, range: impl RangeBounds<Q>) -> std::vec::IntoIter<(K, V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut rows = Vec::new();
        self.for_each_in(range, |key, value| rows.push((key.clone(), value.clone())));
        rows.into_iter()
    }

    /// Shows every row to `look`, in order (ETS `foldl`).
    ///
    /// Rows that are there all the while are seen once; others may be seen or not. No lock is held while `look` looks.
    pub fn for_each(&self, look: impl FnMut(&K, &V)) {
        self.for_each_in::<K>(.., look);
    }

    /// Shows the rows of a range to `look`, in order.
    ///
    /// # Panics
    /// As `BTreeMap::range` does, if the range ends before it starts.
    pub fn for_each_in<Q>(&self, range: impl RangeBounds<Q>, mut look: impl FnMut(&K, &V))
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.store().each((range.start_bound(), range.end_bound()), |row| {
            look(&row.0, &row.1);
            true
        });
    }

    /// The rows in order, copied first: see [`for_each`](Self::for_each) to go without the copy, and for what is seen.
    pub fn iter(&self) -> std::vec::IntoIter<(K, V)> {
        self.range::<K>(..)
    }

    /// The keys in order, copied first.
    pub fn keys(&self) -> std::vec::IntoIter<K> {
        let mut keys = Vec::new();
        self.for_each(|key, _| keys.push(key.clone()));
        keys.into_iter()
    }

    /// The values in the order of their keys, copied first.
    pub fn values(&self) -> std::vec::IntoIter<V> {
        let mut values = Vec::new();
        self.for_each(|_, value| values.push(value.clone()));
        values.into_iter()
    }

    /// The rows `condition` is true of, in order (ETS `select`, `match_object`).
    pub fn select(&self, mut condition: impl FnMut(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut rows = Vec::new();
        self.for_each(|key, value| {
            if condition(key, value) {
                rows.push((key.clone(), value.clone()));
            }
        });
        rows
    }

    /// The rows `condition` is true of, in order and some at a time, going on where it left off.
    pub fn selection<'a>(
        &self,
        mut condition: impl FnMut(&K, &V) -> bool + Send + 'a,
    ) -> Selection<'a, K, V> {
        let reader = self.clone();
        let mut last: Option<Row<K, V>> = None;
        Selection::new(move || {
            loop {
                let after = last.as_ref().map_or(Bound::Unbounded, |row| Bound::Excluded(&*row.0));
                let row = reader.store().first_in::<K>((after, Bound::Unbounded))?;
                let found = condition(&row.0, &row.1).then(|| cloned(&row));
                last = Some(row);
                if found.is_some() {
                    return found;
                }
            }
        })
    }

    /// How many rows `condition` is true of (ETS `select_count`).
    pub fn count(&self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
        let mut count = 0;
        self.for_each(|key, value| count += usize::from(condition(key, value)));
        count
    }

    /// What the table knows of itself (ETS `info`).
    pub fn info(&self) -> TableInfo {
        TableInfo { rows: self.len(), boundary: self.core.record.boundary() }
    }

    /// A copy of the table as of the last message boundary: never the middle of a message.
    ///
    /// It takes time and memory for every row, in the caller's thread. The writer goes on meanwhile, and neither waits for
    /// the other; but what the writer changes is kept until the copy is done.
    pub fn snapshot(&self) -> Snapshot<BTreeMap<K, V>> {
        let copying = self.core.record.copy();
        let mut rows: BTreeMap<K, V> = self.iter().collect();
        // Whatever was written since the boundary, the copy may have seen or not: put back what was there before it.
        for (key, old) in copying.changes().iter().rev() {
            rows.remove::<K>(&key.0);
            if let Some(old) = old {
                rows.insert(K::clone(&old.0), V::clone(&old.1));
            }
        }
        Snapshot::new(rows, copying.boundary())
    }

    fn store(&self) -> &SortedStore<K, V> {
        &self.core.store
    }
}

/// The rows, as `iter` copies them.
impl<K, V> IntoIterator for &OrderedTableReader<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K, V> Clone for OrderedTableReader<K, V> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<K, V> fmt::Debug for OrderedTableReader<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedTableReader").finish_non_exhaustive()
    }
}
