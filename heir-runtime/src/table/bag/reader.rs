//! Reading a `BagTable`.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::{Values, clones};
use crate::table::hashed::{HashCore, HashStore};
use crate::table::info::TableInfo;
use crate::table::selection::Selection;
use crate::table::snapshot::Snapshot;
use crate::table::store::Store;

/// Reads a [`BagTable`](super::BagTable) from anywhere, whether somebody owns it or not.
///
/// A reader sees each write as it happens, also those of the message under way, which may yet be undone;
/// [`snapshot`](Self::snapshot) is for those who want message boundaries only. It never waits: for no lock, and no message.
pub struct BagTableReader<K, V> {
    pub(in crate::table) core: HashCore<K, Values<V>>,
}

impl<K, V> BagTableReader<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The values of a key, in the order they were put.
    pub fn get<Q>(&self, key: &Q) -> Vec<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store().look(key, |_, values| clones(values)).unwrap_or_default()
    }

    /// Shows the values of a key to `look`, in the order they were put, without cloning them. Returns how many there are.
    ///
    /// No lock is held: `look` may use the table, and nobody waits for it. But nothing that is replaced or removed is dropped
    /// before it returns.
    pub fn for_each_of<Q>(&self, key: &Q, mut look: impl FnMut(&V)) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let values = self.store().look(key, |_, values| Arc::clone(values)).unwrap_or_default();
        values.iter().for_each(|value| look(value));
        values.len()
    }

    /// Whether the key has this value.
    pub fn contains<Q>(&self, key: &Q, value: &V) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: PartialEq,
    {
        self.store().look(key, |_, values| values.iter().any(|one| ***one == *value)).unwrap_or(false)
    }

    /// Whether the key has a value (ETS `member`).
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store().look(key, |_, _| ()).is_some()
    }

    /// How many pairs there are: it takes time for every key.
    pub fn len(&self) -> usize {
        let mut len = 0;
        self.store().each(|_, values| {
            len += values.len();
            true
        });
        len
    }

    /// How many keys there are.
    pub fn keys_len(&self) -> usize {
        self.store().len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.keys_len() == 0
    }

    /// Shows every pair to `look`, those of a key together and in the order they were put (ETS `foldl`, `foldr`).
    ///
    /// Pairs that are there all the while are seen once; others may be seen or not. No lock is held.
    pub fn for_each(&self, mut look: impl FnMut(&K, &V)) {
        self.store().each(|key, values| {
            values.iter().for_each(|value| look(key, value));
            true
        });
    }

    /// The pairs, copied first: see [`for_each`](Self::for_each) to go without the copy, and for what is seen.
    pub fn iter(&self) -> std::vec::IntoIter<(K, V)> {
        self.select(|_, _| true).into_iter()
    }

    /// The keys, each once, copied first.
    pub fn keys(&self) -> std::vec::IntoIter<K> {
        let mut keys = Vec::new();
        self.store().each(|key, _| {
            keys.push(key.clone());
            true
        });
        keys.into_iter()
    }

    /// The values, copied first.
    pub fn values(&self) -> std::vec::IntoIter<V> {
        let mut values = Vec::new();
        self.for_each(|_, value| values.push(value.clone()));
        values.into_iter()
    }

    /// The pairs `condition` is true of (ETS `select`, `match_object`).
    pub fn select(&self, mut condition: impl FnMut(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut rows = Vec::new();
        self.for_each(|key, value| {
            if condition(key, value) {
                rows.push((key.clone(), value.clone()));
            }
        });
        rows
    }

    /// The pairs `condition` is true of, some at a time, going on where it left off.
    pub fn selection<'a>(
        &self,
        mut condition: impl FnMut(&K, &V) -> bool + Send + 'a,
    ) -> Selection<'a, K, V> {
        let reader = self.clone();
        let values = move |key: K| reader.get(&key).into_iter().map(move |value| (key.clone(), value));
        let mut pairs = self.keys().flat_map(values);
        Selection::new(move || pairs.find(|(key, value)| condition(key, value)))
    }

    /// How many pairs `condition` is true of (ETS `select_count`).
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
    /// It takes time and memory for every pair, in the caller's thread. The writer goes on meanwhile, and neither waits for
    /// the other; but what the writer changes is kept until the copy is done.
    pub fn snapshot(&self) -> Snapshot<HashMap<K, Vec<V>>> {
        let copying = self.core.record.copy();
        let mut rows = HashMap::with_capacity(self.keys_len());
        self.store().each(|key, values| {
            rows.insert(key.clone(), clones(values));
            true
        });
        // Whatever was written since the boundary, the copy may have seen or not: put back what was there before it.
        for (key, old) in copying.changes().iter().rev() {
            rows.remove(key.key());
            if let Some(old) = old {
                rows.insert(key.key().clone(), clones(old));
            }
        }
        Snapshot::new(rows, copying.boundary())
    }

    fn store(&self) -> &HashStore<K, Values<V>> {
        &self.core.store
    }
}

/// The rows, as `iter` copies them.
impl<K, V> IntoIterator for &BagTableReader<K, V>
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

impl<K, V> Clone for BagTableReader<K, V> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<K, V> fmt::Debug for BagTableReader<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BagTableReader").finish_non_exhaustive()
    }
}
