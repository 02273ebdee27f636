//! Reading a `Table`.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::table::hashed::{HashCore, HashStore};
use crate::table::info::TableInfo;
use crate::table::selection::Selection;
use crate::table::snapshot::Snapshot;
use crate::table::store::Store;

/// Reads a [`Table`](super::Table) from anywhere, whether somebody owns it or not.
///
/// A reader sees each write as it happens, also those of the message under way, which may yet be undone;
/// [`snapshot`](Self::snapshot) is for those who want message boundaries only. It never waits: for no lock, and no message.
pub struct TableReader<K, V> {
    pub(in crate::table) core: HashCore<K, V>,
}

impl<K, V> TableReader<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value of a row.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.with(key, V::clone)
    }

    /// The value of a row, or `default` if there is none (ETS `lookup_element/4`).
    pub fn get_or<Q>(&self, key: &Q, default: V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(key).unwrap_or(default)
    }

    /// Looks at the value of a row without cloning it.
    ///
    /// No lock is held: `look` may use the table, and nobody waits for it. But nothing that is replaced or removed is dropped
    /// before it returns. What it looks at stays what it was.
    ///
    /// ```
    /// # use heir_runtime::table::Table;
    /// let mut names = Table::for_tests();
    /// names.insert(1, "Ada".to_owned());
    /// assert_eq!(names.with(&1, |name| name.len()), Some(3)); // ETS: lookup_element
    /// ```
    #[inline]
    pub fn with<Q, R>(&self, key: &Q, look: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store().look(key, |_, value| look(value))
    }

    /// Whether there is a row with this key (ETS `member`).
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.with(key, |_| ()).is_some()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.store().len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows every row to `look`, in no order (ETS `foldl`, `foldr`).
    ///
    /// Rows that are there all the while are seen once; others may be seen or not. No lock is held.
    pub fn for_each(&self, mut look: impl FnMut(&K, &V)) {
        self.store().each(|key, value| {
            look(key, value);
            true
        });
    }

    /// The rows, copied first: see [`for_each`](Self::for_each) to go without the copy, and for what is seen.
    pub fn iter(&self) -> std::vec::IntoIter<(K, V)> {
        self.select(|_, _| true).into_iter()
    }

    /// The keys, copied first.
    pub fn keys(&self) -> std::vec::IntoIter<K> {
        let mut keys = Vec::new();
        self.for_each(|key, _| keys.push(key.clone()));
        keys.into_iter()
    }

    /// The values, copied first.
    pub fn values(&self) -> std::vec::IntoIter<V> {
        let mut values = Vec::new();
        self.for_each(|_, value| values.push(value.clone()));
        values.into_iter()
    }

    /// The rows `condition` is true of (ETS `select`, `match_object`).
    pub fn select(&self, mut condition: impl FnMut(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut rows = Vec::new();
        self.for_each(|key, value| {
            if condition(key, value) {
                rows.push((key.clone(), value.clone()));
            }
        });
        rows
    }

    /// The rows `condition` is true of, some at a time, going on where it left off.
    pub fn selection<'a>(
        &self,
        mut condition: impl FnMut(&K, &V) -> bool + Send + 'a,
    ) -> Selection<'a, K, V> {
        let reader = self.clone();
        let mut keys = self.keys();
        Selection::new(move || {
            let mut row = |key: &K, value: &V| condition(key, value).then(|| (key.clone(), value.clone()));
            keys.find_map(|key| reader.store().look(&key, &mut row).flatten())
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
    pub fn snapshot(&self) -> Snapshot<HashMap<K, V>> {
        let copying = self.core.record.copy();
        let mut rows = HashMap::with_capacity(self.len());
        self.for_each(|key, value| {
            rows.insert(key.clone(), value.clone());
        });
        // Whatever was written since the boundary, the copy may have seen or not: put back what was there before it.
        for (key, old) in copying.changes().iter().rev() {
            rows.remove(key.key());
            if let Some(old) = old {
                rows.insert(key.key().clone(), V::clone(old));
            }
        }
        Snapshot::new(rows, copying.boundary())
    }

    fn store(&self) -> &HashStore<K, V> {
        &self.core.store
    }
}

/// The rows, as `iter` copies them.
impl<K, V> IntoIterator for &TableReader<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K, V> Clone for TableReader<K, V> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<K, V> fmt::Debug for TableReader<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableReader").finish_non_exhaustive()
    }
}
