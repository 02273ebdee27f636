//! `BagTable`: ets `bag` and `duplicate_bag`.

#[macro_use]
mod reads;

mod read;
mod reader;

use std::any::Any;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use self::read::BagRows as _;
pub use self::reader::BagTableReader;
use super::any::{AnyCore, AnyOwner, OTHER, downcast};
use super::boundary::{Boundaries, Taking};
use super::drops::{Quiet, drop_quietly};
use super::hashed::{Core, Edits, Many, Owner, Seen};
use super::info::TableInfo;
use super::recorded::{Change, LookAtChange, Recorded, sealed};
use super::rows::{PAGE, Rows, Selection};
use super::shown::{SHOWN, Shown};
use super::snapshot::Snapshot;

/// A recorded table with any number of values for each key, in no order of keys, and in the order
/// they were put of values (ETS `bag` and `duplicate_bag`).
///
/// [`insert`](Self::insert) keeps to the rule of a `bag`: no pair twice.
/// [`insert_duplicate`](Self::insert_duplicate) does not ask. Otherwise it is like a
/// [`Table`](super::Table) whose rows are the values of a key, all together: a read of a key clones
/// them all; to put one more takes no time for those that are there.
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
    owner: Owner<K, Many<V>>,
}

reads!(BagTable);
walks!(BagTable, Rows, [Eq + Hash], "pair", "pairs");

impl<K, V> BagTable<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A table of its own, to test code with that takes tables.
    ///
    /// In a program, tables are made by the runtime: readers of a worker's table would not follow
    /// it to another one.
    pub fn for_tests() -> Self {
        Self { owner: Owner::new(Arc::new(Core::new(Boundaries::new()))) }
    }

    /// Marks a message boundary, for a table that no worker owns: one that was claimed, or parked,
    /// or made for a test. Readers then see what has been written.
    ///
    /// In a worker the runtime marks the boundaries of all tables together; within a message
    /// [`Context::commit`](crate::Context::commit) does.
    pub fn commit(&mut self) {
        super::commit::one(&mut self.owner);
    }

    /// A reader of this table. It does not see what the message under way has written.
    pub fn reader(&self) -> BagTableReader<K, V> {
        BagTableReader { core: Arc::clone(&self.owner.core) }
    }

    /// The pairs `condition` is true of, some at a time, going on where it left off.
    pub fn selection<'a>(&'a self, condition: impl FnMut(&K, &V) -> bool + Send + 'a) -> Selection<'a, K, V> {
        Selection::new(self.iter(), condition)
    }

    /// A copy of the table as of the last message boundary, as its
    /// [readers](Self::reader) take it: without what the message under way has written.
    ///
    /// ```
    /// use heir_runtime::table::BagTable;
    ///
    /// let mut table = BagTable::for_tests();
    /// table.insert("a", 1);
    /// table.commit();
    /// table.insert("a", 2); // of the message under way
    /// assert_eq!(table.snapshot()["a"], [1]);
    /// ```
    ///
    /// # Panics
    /// As [`BagTableReader::snapshot`] does.
    pub fn snapshot(&self) -> Snapshot<HashMap<K, Vec<V>>> {
        self.reader().snapshot()
    }

    /// What the table knows of itself (ETS `info`).
    pub fn info(&self) -> TableInfo {
        TableInfo { rows: self.len(), boundary: self.owner.core.boundaries.last() }
    }

    /// Puts a value behind those the key has, unless it has an equal one. Returns whether it did
    /// (ETS `bag`).
    pub fn insert(&mut self, key: K, value: V) -> bool
    where
        V: PartialEq,
    {
        let is_new = !self.contains(&key, &value);
        if is_new {
            self.insert_duplicate(key, value);
        }
        is_new
    }

    /// Puts a value behind those the key has, even if it has an equal one (ETS `duplicate_bag`).
    ///
    /// ```
    /// use heir_runtime::table::BagTable;
    ///
    /// let mut table = BagTable::for_tests();
    /// table.insert_duplicate("a", 1);
    /// table.insert_duplicate("a", 1);
    /// assert_eq!(table.get("a"), [1, 1]);
    /// ```
    pub fn insert_duplicate(&mut self, key: K, value: V) {
        let number = self.owner.next_value();
        match self.owner.see(&key, |_, values| values.len()) {
            Seen::Written(at) => self.edit_at(at, |edits| edits.push(number, value)),
            Seen::Committed(place, before) => {
                let mut edits = Edits::of(before);
                edits.push(number, value);
                self.owner.write(place, key, edits, (1, 0));
            }
            Seen::Absent(place) => {
                let mut edits = Edits::of(0);
                edits.push(number, value);
                self.owner.write(place, key, edits, (1, 1));
            }
        }
    }

    /// Puts a value if the key has none yet. Returns whether it did (ETS `insert_new`).
    ///
    /// ```
    /// use heir_runtime::table::BagTable;
    ///
    /// let mut table = BagTable::for_tests();
    /// assert!(table.insert_new("a", 1));
    /// assert!(!table.insert_new("a", 2));
    /// assert_eq!(table.get("a"), [1]);
    /// ```
    pub fn insert_new(&mut self, key: K, value: V) -> bool {
        let is_new = !self.contains_key(&key);
        if is_new {
            self.insert_duplicate(key, value);
        }
        is_new
    }

    /// Removes a key with all its values, and returns them (ETS `take`).
    ///
    /// ```
    /// use heir_runtime::table::BagTable;
    ///
    /// let mut table = BagTable::for_tests();
    /// table.extend([("a", 1), ("a", 2)]);
    /// assert_eq!(table.remove("a"), [1, 2]);
    /// assert!(table.is_empty());
    /// ```
    pub fn remove<Q>(&mut self, key: &Q) -> Vec<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let values = self.source().values(key);
        if let Some(at) = self.entry(key) {
            let put = self.edit_at(at, Edits::clear);
            for (_, value) in put {
                drop_quietly(value);
            }
        }
        read::without_numbers(values)
    }

    /// Removes every value equal to `value` from a key, and returns how many (ETS
    /// `delete_object`).
    ///
    /// ```
    /// use heir_runtime::table::BagTable;
    ///
    /// let mut table = BagTable::for_tests();
    /// table.extend([("a", 1), ("a", 2)]);
    /// assert_eq!(table.remove_value("a", &1), 1);
    /// assert_eq!(table.get("a"), [2]);
    /// ```
    pub fn remove_value<Q>(&mut self, key: &Q, value: &V) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: PartialEq,
    {
        let values = self.source().values(key);
        let equal =
            values.0.iter().filter(|(_, one)| one == value).map(|(number, _)| *number).collect::<Vec<_>>();
        drop(values);
        self.remove_numbers(key, &equal)
    }

    /// Removes the pairs `condition` is true of, and returns how many (ETS `select_delete`,
    /// `match_delete`). If `condition` panics, none is removed.
    ///
    /// ```
    /// use heir_runtime::table::BagTable;
    ///
    /// let mut table = BagTable::for_tests();
    /// table.extend([("a", 1), ("a", 2), ("b", 3)]);
    /// assert_eq!(table.remove_if(|_, value| *value > 1), 2);
    /// assert_eq!(table.get("a"), [1]);
    /// ```
    pub fn remove_if(&mut self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
        let mut found = Vec::new();
        let mut from = Some(0);
        while let Some(position) = from {
            let (mut page, next) = self.source().page(position, PAGE);
            for (key, values) in page.0.drain(..) {
                let key = Quiet::new(key);
                let chosen = values.0.iter().filter(|(_, value)| condition(key.get(), value));
                let numbers: Vec<_> = chosen.map(|(number, _)| *number).collect();
                if !numbers.is_empty() {
                    found.push((key, numbers));
                }
            }
            from = next;
        }
        found.into_iter().map(|(key, numbers)| self.remove_numbers::<K>(key.get(), &numbers)).sum()
    }

    /// Keeps the pairs `condition` is true of, and removes the others. If `condition` panics, none
    /// is removed.
    pub fn retain(&mut self, mut condition: impl FnMut(&K, &V) -> bool) {
        self.remove_if(|key, value| !condition(key, value));
    }

    /// Removes everything: it takes no time for what is there.
    pub fn clear(&mut self) {
        self.owner.clear();
    }

    fn source(&self) -> &Owner<K, Many<V>> {
        &self.owner
    }

    /// The entry of a key in the write set, made if there is none: `None` if the key has no values.
    fn entry<Q>(&mut self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.owner.see(key, |key, values| (key.clone(), values.len())) {
            Seen::Written(at) => Some(at),
            Seen::Committed(place, (key, before)) => {
                Some(self.owner.write(place, key, Edits::of(before), (0, 0)))
            }
            Seen::Absent(_) => None,
        }
    }

    /// Removes the values of these numbers, which are there. Returns how many.
    fn remove_numbers<Q>(&mut self, key: &Q, numbers: &[u64]) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let removed = numbers.len();
        if removed > 0
            && let Some(at) = self.entry(key)
        {
            let put = self.edit_at(at, |edits| edits.remove(numbers));
            put.into_iter().for_each(drop_quietly);
        }
        removed
    }

    /// Writes to an entry of the write set, and counts.
    fn edit_at<R>(&mut self, at: usize, work: impl FnOnce(&mut Edits<V>) -> R) -> R {
        self.owner.rewrite(at, |edits| {
            let before = edits.len();
            let answer = work(edits);
            let after = edits.len();
            let more_rows = isize::from(after > 0) - isize::from(before > 0);
            (answer, after.cast_signed() - before.cast_signed(), more_rows)
        })
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
    type Key = K;
    type Value = V;
    type Rows = HashMap<K, Vec<V>>;

    fn rows_first(boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore> {
        Arc::new(Core::new(Arc::clone(boundaries)) as Core<K, Many<V>>)
    }

    fn open(rows: Arc<dyn AnyCore>) -> Self {
        Self { owner: Owner::new(downcast(rows).expect(OTHER)) }
    }

    fn reader_of(rows: Arc<dyn AnyCore>) -> Self::Reader {
        BagTableReader { core: downcast(rows).expect(OTHER) }
    }

    fn rows_at(reader: &Self::Reader, taking: &Taking) -> Option<Self::Rows> {
        reader.rows_at(taking)
    }

    #[inline]
    fn owner(&self) -> &dyn AnyOwner {
        &self.owner
    }

    #[inline]
    fn owner_mut(&mut self) -> &mut dyn AnyOwner {
        &mut self.owner
    }

    fn fill(&mut self, rows: impl IntoIterator<Item = (K, V)>) {
        self.extend(rows);
    }

    fn each_change_of(owner: &dyn Any, look: &mut LookAtChange<'_, K, V>) {
        let owner: &Owner<K, Many<V>> = owner.downcast_ref().expect(OTHER);
        let (is_cleared, written) = owner.changes();
        if is_cleared {
            look(Change::Cleared);
        }
        for (key, edits) in written {
            match edits.removed() {
                Some(numbers) => numbers.for_each(|number| look(Change::Taken(key, number))),
                None => look(Change::Removed(key)),
            }
            edits.put().iter().for_each(|(number, value)| look(Change::Added(key, *number, value)));
        }
    }
}
