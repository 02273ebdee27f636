//! `Table`: ets `set`.

mod entry;
mod reader;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::ops::{AddAssign, Deref};

pub use self::entry::Entry;
pub use self::reader::TableReader;
use super::hashed::{HashStore, Hashed};
use super::kept::Kept;
use super::recorded::{Change, Recorded, sealed};
use super::store::{Core, Writer};

/// A recorded table with one row for each key, in no order (ETS `set`).
///
/// The table is the one writer; [`reader`](Self::reader) gives out readers, which go on working while nobody owns the table.
/// Everything a [`TableReader`] can do, the table can do too. Every write is recorded until the message that made it is
/// over, and undone if it never is.
///
/// Readers may be looking at a row at any time, so a row is never changed in place: a write puts a new one, and what is
/// read is a clone, or a look ([`with`](TableReader::with)). The record keeps a clone of the key and of the row that was
/// there. So the values should be cheap to clone: put large ones into an `Arc`.
///
/// Keys are hashed by [foldhash](https://docs.rs/foldhash), which takes a fraction of the time of std's `SipHash`. Its seeds are the
/// operating system's random numbers, others for each table, so keys that collide cannot be prepared. It is no cryptographic
/// hash: somebody who chooses the keys and can measure how long each takes might find some in the end, and slow the table down.
/// An [`OrderedTable`](super::OrderedTable) does not depend on hashes.
///
/// A table without rows is some 250 bytes; the first row brings 19 kB, for letting go of rows without a lock. A value that was
/// replaced or removed is dropped when its message is over, unless somebody looks at it then. If nothing happens when it is dropped,
/// its memory is used again when there are some dozens of its kind.
///
/// Swapping two tables of one type (`mem::swap`) is no write: it is not undone, and readers stay with the table they read.
///
/// ```
/// use heir_runtime::table::Table;
///
/// let mut hits = Table::for_tests();
/// assert_eq!(hits.add("index", 1), 1);
/// assert_eq!(hits.add("index", 1), 2);
///
/// let reader = hits.reader();
/// assert_eq!(reader.get("index"), Some(2));
/// drop(hits);
/// assert_eq!(reader.get("index"), Some(2));
/// ```
pub struct Table<K, V> {
    reader: TableReader<K, V>,
    writer: Writer<HashStore<K, V>, Hashed<K>, Kept<V>>,
}

impl<K, V> Table<K, V>
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
    pub fn reader(&self) -> TableReader<K, V> {
        self.reader.clone()
    }

    /// Puts a row, and returns the value it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.put(key, value, |old| old.map(|old| V::clone(old)))
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
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry::new(self, key)
    }

    /// Changes the value of a row: `change` gets a clone, which is then put. Returns what `change` returns; `None` if
    /// there is no such row.
    pub fn update<Q, R>(&mut self, key: &Q, change: impl FnOnce(&mut V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.writer.update(key, |old| {
            let mut value = V::clone(old);
            let answer = change(&mut value);
            (Kept::new(value), answer)
        })
    }

    /// Adds to the value of a row, or to the default value if there is none, and returns the sum (ETS `update_counter`). An
    /// overflow is that of `+=`.
    pub fn add(&mut self, key: K, by: V) -> V
    where
        V: AddAssign + Default,
    {
        self.change(key, |old| {
            let mut sum = old.cloned().unwrap_or_default();
            sum += by;
            sum
        })
    }

    /// Adds like [`add`](Self::add), but starts again at `restart` when the sum is above `limit` (ETS `update_counter`
    /// with a threshold).
    pub fn add_up_to(&mut self, key: K, by: V, limit: &V, restart: V) -> V
    where
        V: AddAssign + Default + PartialOrd,
    {
        self.change(key, |old| {
            let mut sum = old.cloned().unwrap_or_default();
            sum += by;
            if sum > *limit { restart } else { sum }
        })
    }

    /// Removes a row, and returns its value (ETS `take`).
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a row, and returns it.
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let key = self.store().find(key)?;
        let value = self.writer.remove(&key)?;
        Some((key.into_key(), value.into_inner()))
    }

    /// Removes the rows `condition` is true of, and returns how many (ETS `select_delete`, `match_delete`).
    pub fn remove_if(&mut self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
        let found = self.store().choose(|key, value| condition(key, value).then_some(()));
        found.iter().filter(|(key, ())| self.writer.remove(key).is_some()).count()
    }

    /// Keeps the rows `condition` is true of, and removes the others.
    pub fn retain(&mut self, mut condition: impl FnMut(&K, &V) -> bool) {
        self.remove_if(|key, value| !condition(key, value));
    }

    /// Puts a new value, made from the old one, wherever `change` has one (ETS `select_replace`). Returns how many rows
    /// were changed.
    pub fn replace_if(&mut self, mut change: impl FnMut(&K, &V) -> Option<V>) -> usize {
        let found = self.store().choose(|key, value| change(key, value).map(Kept::new));
        found.into_iter().map(|(key, value)| self.writer.put(key, value, |_| ())).count()
    }

    /// Removes every row. Each is recorded, so this takes time and memory for as many.
    pub fn clear(&mut self) {
        self.remove_if(|_, _| true);
    }

    fn store(&self) -> &HashStore<K, V> {
        self.writer.store()
    }

    fn set(&mut self, key: K, value: V) {
        self.put(key, value, |_| ());
    }

    fn put<R>(&mut self, key: K, value: V, look: impl FnOnce(Option<&Kept<V>>) -> R) -> R {
        let value = Kept::new(value);
        let key = self.store().hashed(key);
        self.writer.put(key, value, look)
    }

    /// Puts what `make` makes of the value that is there, and returns it.
    fn change(&mut self, key: K, make: impl FnOnce(Option<&V>) -> V) -> V {
        let key = self.store().hashed(key);
        self.writer.change(key, |old| {
            let new = make(old.map(|old| &**old));
            (Kept::new(new.clone()), new)
        })
    }
}

impl<K, V> Deref for Table<K, V> {
    type Target = TableReader<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

impl<K, V> Extend<(K, V)> for Table<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, rows: I) {
        for (key, value) in rows {
            self.set(key, value);
        }
    }
}

impl<K, V> sealed::Sealed for Table<K, V> {}

#[diagnostic::do_not_recommend]
impl<K, V> Recorded for Table<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Reader = TableReader<K, V>;
    type Row = (K, V);

    fn reader_first() -> Self::Reader {
        TableReader { core: Core::new() }
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
        let row = |key: &Hashed<K>, value: &Kept<V>| (key.key().clone(), V::clone(value));
        let changes = self.writer.forwards(|key, old, new| match (old, new) {
            (_, Some(new)) => Some(Change::Put(row(key, new))),
            (Some(old), None) => Some(Change::Removed(row(key, old))),
            (None, None) => None,
        });
        changes.into_iter().flatten().collect()
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
