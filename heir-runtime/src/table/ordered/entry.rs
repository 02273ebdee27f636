//! The place of one key.

use std::fmt;

use super::OrderedTable;

/// The place of a key in an [`OrderedTable`], empty or not: from [`OrderedTable::entry`].
///
/// It gives out references into what the message has written: the row then counts as written.
///
/// ```
/// use heir_runtime::table::OrderedTable;
///
/// let mut stock: OrderedTable<&str, u64> = OrderedTable::for_tests();
/// assert_eq!(stock.entry("pear").insert(3), None);
/// *stock.entry("plum").or_insert(10) -= 1;
/// *stock.entry("fig").or_insert_with(|| 5) += 1;
/// stock.entry("pear").and_modify(|left| *left -= 1).or_default();
/// let fig = stock.entry("fig");
/// assert_eq!((*fig.key(), fig.get()), ("fig", Some(6)));
/// assert_eq!(fig.remove(), Some(6));
/// assert_eq!((stock.get("pear"), stock.get("plum"), stock.get("fig")), (Some(2), Some(9), None));
/// ```
#[must_use = "an entry does nothing until it is filled or changed"]
pub struct OrderedEntry<'a, K, V> {
    table: &'a mut OrderedTable<K, V>,
    key: K,
}

impl<'a, K, V> OrderedEntry<'a, K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(table: &'a mut OrderedTable<K, V>, key: K) -> Self {
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

    /// The value that is there, after putting `value` if nothing was.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value that is there, after putting what `value` makes if nothing was.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        self.table.value_mut(self.key, value)
    }

    /// The value that is there, after putting the default value if nothing was.
    ///
    /// ```
    /// # use heir_runtime::table::OrderedTable;
    /// let mut hits: OrderedTable<&str, u64> = OrderedTable::for_tests();
    /// *hits.entry("index").or_default() += 1;
    /// assert_eq!(hits.get("index"), Some(1));
    /// ```
    pub fn or_default(self) -> &'a mut V
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

impl<K: fmt::Debug, V> fmt::Debug for OrderedEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedEntry").field("key", &self.key).finish_non_exhaustive()
    }
}
