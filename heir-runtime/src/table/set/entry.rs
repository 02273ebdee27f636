//! The place of one key.

use std::fmt;
use std::hash::Hash;

use super::Table;

/// The place of a key in a [`Table`], empty or not: from [`Table::entry`].
///
/// Unlike a std map's entry it gives out values, not references: readers may be looking at what is there.
#[must_use = "an entry does nothing until it is filled or changed"]
pub struct Entry<'a, K, V> {
    table: &'a mut Table<K, V>,
    key: K,
}

impl<'a, K, V> Entry<'a, K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(table: &'a mut Table<K, V>, key: K) -> Self {
        Self { table, key }
    }

    /// The key whose place this is.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// What is there.
    pub fn get(&self) -> Option<V> {
        self.table.get(&self.key)
    }

    /// Puts `value`, whatever is there, and returns what was.
    pub fn insert(self, value: V) -> Option<V> {
        self.table.insert(self.key, value)
    }

    /// Changes what is there, if something is.
    pub fn and_modify(self, change: impl FnOnce(&mut V)) -> Self {
        self.table.update(&self.key, change);
        self
    }

    /// Returns what is there, after putting `value` if nothing was.
    pub fn or_insert(self, value: V) -> V {
        self.or_insert_with(|| value)
    }

    /// Returns what is there, after putting what `value` makes if nothing was.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> V {
        self.get().unwrap_or_else(|| {
            let value = value();
            self.table.set(self.key, value.clone());
            value
        })
    }

    /// Returns what is there, after putting the default value if nothing was.
    pub fn or_default(self) -> V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Removes what is there, and returns it.
    pub fn remove(self) -> Option<V> {
        self.table.remove(&self.key)
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Entry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}
