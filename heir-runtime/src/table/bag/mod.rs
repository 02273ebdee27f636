//! `BagTable`: ets `bag` and `duplicate_bag`.

mod reader;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

pub use self::reader::BagTableReader;
use super::hashed::{HashStore, Hashed};
use super::kept::Kept;
use super::recorded::{Change, Recorded, sealed};
use super::store::{Core, Writer};

/// The values of one key, oldest first. Each is caught on its own: two destructors that panic in one list would be fatal.
pub(super) type Values<V> = Arc<[Arc<Kept<V>>]>;

type Lists<K, V> = Writer<HashStore<K, Values<V>>, Hashed<K>, Kept<Values<V>>>;

/// A recorded table with any number of values for each key, in no order of keys, and in the order they were put of values
/// (ETS `bag` and `duplicate_bag`).
///
/// [`insert`](Self::insert) keeps to the rule of a `bag`: no pair twice. [`insert_duplicate`](Self::insert_duplicate) does
/// not ask. Like a [`Table`](super::Table) otherwise. A write takes time for the values its key has.
///
/// ```
/// use heir_runtime::table::BagTable;
///
/// let mut topics = BagTable::for_tests();
/// assert!(topics.insert("news", "ada"));
/// assert!(topics.insert("news", "grace"));
/// assert!(!topics.insert("news", "ada"));
/// assert_eq!(topics.get("news"), ["ada", "grace"]);
/// ```
pub struct BagTable<K, V> {
    reader: BagTableReader<K, V>,
    writer: Lists<K, V>,
}

impl<K, V> BagTable<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A table of its own, to test code with that takes tables.
    ///
    /// In a program, tables are made by the runtime: readers of a worker's table would not follow it to another one.
    pub fn for_tests() -> Self {
        Self::open(&Self::reader_first())
    }

    /// Marks a message boundary, for a table that no worker owns: one that was claimed, or parked, or made for a test. What has
    /// been written stays, and snapshots see it.
    ///
    /// In a worker the runtime marks the boundaries of all tables together; within a message
    /// [`Context::commit`](crate::Context::commit) does.
    pub fn commit(&mut self) {
        self.writer.commit();
    }

    /// Another reader of this table.
    pub fn reader(&self) -> BagTableReader<K, V> {
        self.reader.clone()
    }

    /// Puts a value behind those the key has, unless it has an equal one. Returns whether it did (ETS `bag`).
    pub fn insert(&mut self, key: K, value: V) -> bool
    where
        V: PartialEq,
    {
        let new = !self.contains(&key, &value);
        if new {
            self.insert_duplicate(key, value);
        }
        new
    }

    /// Puts a value behind those the key has, even if it has an equal one (ETS `duplicate_bag`).
    pub fn insert_duplicate(&mut self, key: K, value: V) {
        let value = Arc::new(Kept::new(value));
        let key = self.store().hashed(key);
        self.writer.change(key, |old| {
            let values = old.map_or(&[][..], |values| &***values);
            (Kept::new(values.iter().cloned().chain([value]).collect()), ())
        });
    }

    /// Puts a value if the key has none yet. Returns whether it did (ETS `insert_new`).
    pub fn insert_new(&mut self, key: K, value: V) -> bool {
        let new = !self.contains_key(&key);
        if new {
            self.insert_duplicate(key, value);
        }
        new
    }

    /// Removes a key with all its values, and returns them (ETS `take`).
    pub fn remove<Q>(&mut self, key: &Q) -> Vec<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let values = self.get(key);
        let Some(key) = self.store().find(key) else { return values };
        self.writer.remove(&key);
        values
    }

    /// Removes every value equal to `value` from a key, and returns how many (ETS `delete_object`).
    pub fn remove_value<Q>(&mut self, key: &Q, value: &V) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: PartialEq,
    {
        let found = self.store().look(key, |key, values| {
            let left: Values<V> = values.iter().filter(|one| ****one != *value).cloned().collect();
            (key.clone(), values.len() - left.len(), left)
        });
        let Some((key, removed @ 1.., left)) = found else { return 0 };
        self.put(key, left);
        removed
    }

    /// Removes the pairs `condition` is true of, and returns how many (ETS `select_delete`, `match_delete`).
    pub fn remove_if(&mut self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
        let mut found = Vec::new();
        self.store().each(|key, values| {
            let left: Values<V> = values.iter().filter(|one| !condition(key, one)).cloned().collect();
            if left.len() < values.len() {
                found.push((key.clone(), values.len() - left.len(), left));
            }
            true
        });
        let mut removed = 0;
        for (key, fewer, left) in found {
            self.put(key, left);
            removed += fewer;
        }
        removed
    }

    /// Keeps the pairs `condition` is true of, and removes the others.
    pub fn retain(&mut self, mut condition: impl FnMut(&K, &V) -> bool) {
        self.remove_if(|key, value| !condition(key, value));
    }

    /// Removes everything. Each key is recorded, so this takes time and memory for as many.
    pub fn clear(&mut self) {
        self.remove_if(|_, _| true);
    }

    fn store(&self) -> &HashStore<K, Values<V>> {
        self.writer.store()
    }

    /// Puts the values of a key. No values, no key.
    fn put(&mut self, key: K, values: Values<V>) {
        let key = self.store().hashed(key);
        if values.is_empty() {
            self.writer.remove(&key);
        } else {
            self.writer.put(key, Kept::new(values), |_| ());
        }
    }
}

fn clones<V: Clone>(values: &[Arc<Kept<V>>]) -> Vec<V> {
    values.iter().map(|value| V::clone(value)).collect()
}

impl<K, V> Deref for BagTable<K, V> {
    type Target = BagTableReader<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

/// Puts every pair, even one that is there already.
impl<K, V> Extend<(K, V)> for BagTable<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, rows: I) {
        for (key, value) in rows {
            self.insert_duplicate(key, value);
        }
    }
}

impl<K, V> sealed::Sealed for BagTable<K, V> {}

#[diagnostic::do_not_recommend]
impl<K, V> Recorded for BagTable<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reader = BagTableReader<K, V>;
    type Row = (K, V);

    fn reader_first() -> Self::Reader {
        BagTableReader { core: Core::new() }
    }

    fn open(reader: &Self::Reader) -> Self {
        Self { reader: reader.clone(), writer: Writer::new(reader.core.clone()) }
    }

    fn reader(&self) -> Self::Reader {
        self.reader.clone()
    }

    fn fill(&mut self, rows: impl IntoIterator<Item = Self::Row>) {
        self.extend(rows);
    }

    fn adopt(&mut self, new: &Self) {
        let rows: Vec<_> = new.iter().collect();
        self.clear();
        self.fill(rows);
    }

    fn commit(&mut self) {
        self.writer.commit();
    }

    fn rollback(&mut self) {
        self.writer.rollback();
    }

    fn is_dirty(&self) -> bool {
        self.writer.is_dirty()
    }

    fn message(&self) -> u64 {
        self.writer.message()
    }

    fn changes(&self) -> Vec<Change<Self::Row>> {
        let none: Values<V> = Arc::default();
        let changes = self.writer.forwards(|key, old, new| {
            let (old, new) = (old.map_or(&none, |old| &**old), new.map_or(&none, |new| &**new));
            let row = |value: &Arc<Kept<V>>| (key.key().clone(), V::clone(value));
            // Lists share their values: what is in both was neither put nor removed.
            let is_in = |list: &Values<V>, value| list.iter().any(|one| Arc::ptr_eq(one, value));
            let removed = old.iter().filter(|one| !is_in(new, one)).map(|one| Change::Removed(row(one)));
            let put = new.iter().filter(|one| !is_in(old, one)).map(|one| Change::Put(row(one)));
            removed.chain(put).collect::<Vec<_>>()
        });
        changes.into_iter().flatten().collect()
    }
}

impl<K, V> fmt::Debug for BagTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BagTable").finish_non_exhaustive()
    }
}
