//! `OrderedTable`: ets `ordered_set`.

mod entry;
mod reader;

use std::borrow::Borrow;
use std::fmt;
use std::ops::{AddAssign, Bound, Deref};
use std::sync::Arc;

pub use self::entry::OrderedEntry;
pub use self::reader::OrderedTableReader;
use super::kept::Kept;
use super::recorded::{Change, Recorded, sealed};
use super::sorted::{Row, SortedStore, cloned};
use super::store::{Core, Writer};

/// A recorded table with one row for each key, in the order of the keys (ETS `ordered_set`).
///
/// Like a [`Table`](super::Table), with ranges, and the neighbours of a key, whether it is there or not.
///
/// Its rows are behind a lock, held by a write or a look for one search in the tree, by a walk for a page of rows: nobody
/// waits for a message, a closure or a clone. The one code of yours that runs under the lock is the keys' `Ord`, which
/// must therefore not use the table.
///
/// ```
/// use heir_runtime::table::OrderedTable;
///
/// let mut stops = OrderedTable::for_tests();
/// stops.extend([(930, "harbour"), (815, "station"), (1145, "airport")]);
/// assert_eq!(stops.next(&900), Some((930, "harbour")));
/// assert_eq!(stops.range(800..1000).collect::<Vec<_>>(), [(815, "station"), (930, "harbour")]);
/// ```
pub struct OrderedTable<K, V> {
    reader: OrderedTableReader<K, V>,
    writer: Writer<SortedStore<K, V>, Row<K, V>, Row<K, V>>,
}

impl<K, V> OrderedTable<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
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
    pub fn reader(&self) -> OrderedTableReader<K, V> {
        self.reader.clone()
    }

    /// Puts a row, and returns the value it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.put(key, value, |old| old.map(|old| V::clone(&old.1)))
    }

    /// Puts a row unless there is one with this key. Returns whether it did.
    pub fn insert_new(&mut self, key: K, value: V) -> bool {
        let new = !self.contains_key(&key);
        if new {
            self.set(key, value);
        }
        new
    }

    /// The place of a key, empty or not, to be looked at and filled.
    pub fn entry(&mut self, key: K) -> OrderedEntry<'_, K, V> {
        OrderedEntry::new(self, key)
    }

    /// Changes the value of a row: `change` gets a clone, which is then put. Returns what `change` returns; `None` if
    /// there is no such row.
    pub fn update<Q, R>(&mut self, key: &Q, change: impl FnOnce(&mut V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (key, mut value) = cloned(&self.store().row(key)?);
        let answer = change(&mut value);
        self.set(key, value);
        Some(answer)
    }

    /// Adds to the value of a row, or to the default value if there is none, and returns the sum (ETS `update_counter`).
    pub fn add(&mut self, key: K, by: V) -> V
    where
        V: AddAssign + Default,
    {
        let mut sum = self.get(&key).unwrap_or_default();
        sum += by;
        self.set(key, sum.clone());
        sum
    }

    /// Adds like [`add`](Self::add), but starts again at `restart` when the sum is above `limit` (ETS `update_counter`
    /// with a threshold).
    pub fn add_up_to(&mut self, key: K, by: V, limit: &V, restart: V) -> V
    where
        V: AddAssign + Default + PartialOrd,
    {
        let mut sum = self.get(&key).unwrap_or_default();
        sum += by;
        if sum > *limit {
            sum = restart;
        }
        self.set(key, sum.clone());
        sum
    }

    /// Removes a row, and returns its value (ETS `take`).
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a row, and returns it.
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let row = self.store().row(key)?;
        self.remove_row(&row)
    }

    /// Removes the first row, and returns it.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        let row = self.store().first_in::<K>((Bound::Unbounded, Bound::Unbounded))?;
        self.remove_row(&row)
    }

    /// Removes the last row, and returns it.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let row = self.store().last_in::<K>((Bound::Unbounded, Bound::Unbounded))?;
        self.remove_row(&row)
    }

    /// Removes the rows `condition` is true of, and returns how many (ETS `select_delete`, `match_delete`).
    pub fn remove_if(&mut self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
        let mut found = Vec::new();
        self.store().each::<K>((Bound::Unbounded, Bound::Unbounded), |row| {
            if condition(&row.0, &row.1) {
                found.push(Arc::clone(row));
            }
            true
        });
        found.iter().filter(|key| self.writer.remove(key).is_some()).count()
    }

    /// Keeps the rows `condition` is true of, and removes the others.
    pub fn retain(&mut self, mut condition: impl FnMut(&K, &V) -> bool) {
        self.remove_if(|key, value| !condition(key, value));
    }

    /// Puts a new value, made from the old one, wherever `change` has one (ETS `select_replace`). Returns how many rows
    /// were changed.
    pub fn replace_if(&mut self, mut change: impl FnMut(&K, &V) -> Option<V>) -> usize {
        let mut found = Vec::new();
        self.store().each::<K>((Bound::Unbounded, Bound::Unbounded), |row| {
            found.extend(change(&row.0, &row.1).map(|new| (K::clone(&row.0), new)));
            true
        });
        found.into_iter().map(|(key, value)| self.set(key, value)).count()
    }

    /// Removes every row. Each is recorded, so this takes time and memory for as many.
    pub fn clear(&mut self) {
        self.remove_if(|_, _| true);
    }

    fn store(&self) -> &SortedStore<K, V> {
        self.writer.store()
    }

    fn remove_row(&mut self, row: &Row<K, V>) -> Option<(K, V)> {
        let removed = cloned(row);
        self.writer.remove(row)?;
        Some(removed)
    }

    fn set(&mut self, key: K, value: V) {
        self.put(key, value, |_| ());
    }

    fn put<R>(&mut self, key: K, value: V, look: impl FnOnce(Option<&Row<K, V>>) -> R) -> R {
        let row = Arc::new((Kept::new(key), Kept::new(value)));
        self.writer.put(Arc::clone(&row), row, look)
    }
}

impl<K, V> Deref for OrderedTable<K, V> {
    type Target = OrderedTableReader<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

impl<K, V> Extend<(K, V)> for OrderedTable<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, rows: I) {
        for (key, value) in rows {
            self.set(key, value);
        }
    }
}

impl<K, V> sealed::Sealed for OrderedTable<K, V> {}

#[diagnostic::do_not_recommend]
impl<K, V> Recorded for OrderedTable<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reader = OrderedTableReader<K, V>;
    type Row = (K, V);

    fn reader_first() -> Self::Reader {
        OrderedTableReader { core: Core::new() }
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
        let changes = self.writer.forwards(|_, old, new| match (old, new) {
            (_, Some(new)) => Some(Change::Put(cloned(new))),
            (Some(old), None) => Some(Change::Removed(cloned(old))),
            (None, None) => None,
        });
        changes.into_iter().flatten().collect()
    }
}

impl<K, V> fmt::Debug for OrderedTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedTable").finish_non_exhaustive()
    }
}
