//! `OrderedTable`: ets `ordered_set`.

#[macro_use]
mod reads;

mod entry;
mod reader;
mod rows;

use std::any::Any;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{AddAssign, Bound, RangeBounds};
use std::sync::Arc;

pub use self::entry::OrderedEntry;
pub use self::reader::OrderedTableReader;
pub use self::rows::OrderedRows;
use super::any::{AnyCore, AnyOwner, OTHER, downcast};
use super::boundary::{Boundaries, Taking};
use super::drops::{DropRows, Quiet, cloned};
use super::info::TableInfo;
use super::recorded::{Change, LookAtChange, Recorded, sealed};
use super::rows::{PAGE, Selection};
use super::shown::{SHOWN, Shown};
use super::snapshot::Snapshot;
use super::sorted::{Core, Owner, Seen};

/// A recorded table with one row for each key, in the order of the keys (ETS `ordered_set`).
///
/// It is like a [`Table`](super::Table), with ranges, and the neighbours of a key, whether the key
/// is there or not.
///
/// All of its rows are behind one lock. Under it run the keys' `Ord`, and the `Clone` of a row, or
/// of a page of rows, for a reader. An `Ord` that asks the table into which its key is being put
/// panics, and so ends its message.
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
    owner: Owner<K, V>,
}

reads!(OrderedTable);
walks!(OrderedTable, OrderedRows, [Ord], "row", "rows");

impl<K, V> OrderedTable<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
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
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// let reader = table.reader();
    /// table.insert("a", 1);
    /// assert_eq!((table.get("a"), reader.get("a")), (Some(1), None));
    /// table.commit();
    /// assert_eq!(reader.get("a"), Some(1));
    /// ```
    pub fn commit(&mut self) {
        super::commit::one(&mut self.owner);
    }

    /// A reader of this table. It does not see what the message under way has written.
    pub fn reader(&self) -> OrderedTableReader<K, V> {
        OrderedTableReader { core: Arc::clone(&self.owner.core) }
    }

    /// The rows `condition` is true of, some at a time, going on where it left off.
    pub fn selection<'a>(&'a self, condition: impl FnMut(&K, &V) -> bool + Send + 'a) -> Selection<'a, K, V> {
        Selection::new(self.iter(), condition)
    }

    /// A copy of the table as of the last message boundary, as its
    /// [readers](Self::reader) take it: without what the message under way has written.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.insert("a", 1);
    /// table.commit();
    /// table.insert("a", 2); // of the message under way
    /// assert_eq!(table.snapshot()["a"], 1);
    /// ```
    ///
    /// # Panics
    /// As [`OrderedTableReader::snapshot`] does.
    pub fn snapshot(&self) -> Snapshot<BTreeMap<K, V>> {
        self.reader().snapshot()
    }

    /// What the table knows of itself (ETS `info`).
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.insert("a", 1);
    /// table.commit();
    /// assert_eq!((table.info().rows, table.info().boundary), (1, 1));
    /// ```
    pub fn info(&self) -> TableInfo {
        TableInfo { rows: self.len(), boundary: self.owner.core.boundaries.last() }
    }

    /// Puts a row, and returns the value it replaces.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// assert_eq!(table.insert("a", 1), None);
    /// assert_eq!(table.insert("a", 2), Some(1));
    /// ```
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.owner.see(&key, |_, value| value.clone()) {
            Seen::Written(before) => {
                let more = isize::from(before.is_none());
                self.owner.write(key, Some(value), more)
            }
            Seen::Committed(old) => {
                self.owner.write(key, Some(value), 0);
                Some(old)
            }
            Seen::Absent => {
                self.owner.write(key, Some(value), 1);
                None
            }
        }
    }

    /// Puts a row unless there is one with this key. Returns whether it did.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// assert!(table.insert_new("a", 1));
    /// assert!(!table.insert_new("a", 2));
    /// assert_eq!(table.get("a"), Some(1));
    /// ```
    pub fn insert_new(&mut self, key: K, value: V) -> bool {
        let is_new = !self.contains_key(&key);
        if is_new {
            drop(self.owner.write(key, Some(value), 1));
        }
        is_new
    }

    /// The place of a key, empty or not, to be looked at and filled.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// *table.entry("a").or_insert(1) += 1;
    /// table.entry("a").and_modify(|value| *value += 1).or_default();
    /// assert_eq!(table.get("a"), Some(3));
    /// ```
    pub fn entry(&mut self, key: K) -> OrderedEntry<'_, K, V> {
        OrderedEntry::new(self, key)
    }

    /// The value of a row, to be changed in place: the row then counts as written.
    ///
    /// ```
    /// # use heir_runtime::table::OrderedTable;
    /// let mut lists = OrderedTable::for_tests();
    /// lists.insert("odd", vec![1]);
    /// if let Some(list) = lists.get_mut("odd") {
    ///     list.push(3);
    /// }
    /// assert_eq!(lists.get("odd"), Some(vec![1, 3]));
    /// ```
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.owner.see(key, cloned) {
            Seen::Written(_) => {}
            Seen::Committed((key, value)) => {
                self.owner.write(key, Some(value), 0);
            }
            Seen::Absent => return None,
        }
        self.owner.written_mut(key)
    }

    /// Changes the value of a row: `change` gets a clone, which is put when it returns. Returns what
    /// `change` returns; `None` if there is no such row.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.insert("a", vec![1]);
    /// assert_eq!(table.update("a", |list| { list.push(2); list.len() }), Some(2));
    /// assert_eq!(table.update("b", |list| list.len()), None);
    /// ```
    pub fn update<Q, R>(&mut self, key: &Q, change: impl FnOnce(&mut V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (key, mut value) = self.owner.look(key, cloned)?;
        let key = Quiet::new(key);
        let answer = change(&mut value);
        self.owner.write(key.into_inner(), Some(value), 0);
        Some(answer)
    }

    /// Adds to the value of a row, or to the default value if there is none, and returns the sum
    /// (ETS `update_counter`). An overflow is that of `+=`.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// assert_eq!(table.add("a", 2), 2);
    /// assert_eq!(table.add("a", 3), 5);
    /// ```
    #[inline]
    pub fn add(&mut self, key: K, by: V) -> V
    where
        V: AddAssign + Default,
    {
        self.change(key, |old| {
            let mut sum = old.unwrap_or_default();
            sum += by;
            sum
        })
    }

    /// Adds like [`add`](Self::add), but starts again at `restart` when the sum is above `limit`
    /// (ETS `update_counter` with a threshold).
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// assert_eq!(table.add_up_to("a", 7, &9, 0), 7);
    /// assert_eq!(table.add_up_to("a", 7, &9, 0), 0); // 14 is above 9
    /// ```
    pub fn add_up_to(&mut self, key: K, by: V, limit: &V, restart: V) -> V
    where
        V: AddAssign + Default + PartialOrd,
    {
        self.change(key, |old| {
            let mut sum = old.unwrap_or_default();
            sum += by;
            if sum > *limit { restart } else { sum }
        })
    }

    /// Removes a row, and returns its value (ETS `take`).
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.insert("a", 1);
    /// assert_eq!(table.remove("a"), Some(1));
    /// assert_eq!(table.remove("a"), None);
    /// ```
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
        let (key, value) = self.owner.look(key, cloned)?;
        self.owner.write(key.clone(), None, -1);
        Some((key, value))
    }

    /// Removes the first row, and returns it.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.extend([(2, "two"), (1, "one")]);
    /// assert_eq!(table.pop_first(), Some((1, "one")));
    /// assert_eq!(table.pop_last(), Some((2, "two")));
    /// assert_eq!(table.pop_first(), None);
    /// ```
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        let (key, value) = self.first()?;
        self.owner.write(key.clone(), None, -1);
        Some((key, value))
    }

    /// Removes the last row, and returns it.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let (key, value) = self.last()?;
        self.owner.write(key.clone(), None, -1);
        Some((key, value))
    }

    /// Removes the rows `condition` is true of, and returns how many (ETS `select_delete`,
    /// `match_delete`). If `condition` panics, none is removed.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.extend([(1, "one"), (2, "two"), (3, "three")]);
    /// assert_eq!(table.remove_if(|number, _| number % 2 == 1), 2);
    /// assert_eq!(table.len(), 1);
    /// ```
    pub fn remove_if(&mut self, mut condition: impl FnMut(&K, &V) -> bool) -> usize {
        let mut found = DropRows::with_capacity(0);
        for (key, value) in self.iter() {
            if condition(&key, &value) {
                found.0.push((key, value));
            }
        }
        let removed = found.0.len();
        for (key, _) in &found.0 {
            self.remove::<K>(key);
        }
        removed
    }

    /// Keeps the rows `condition` is true of, and removes the others. If `condition` panics, none
    /// is removed.
    pub fn retain(&mut self, mut condition: impl FnMut(&K, &V) -> bool) {
        self.remove_if(|key, value| !condition(key, value));
    }

    /// Puts a new value, made from the old one, wherever `change` has one (ETS `select_replace`).
    /// Returns how many rows were changed. If `change` panics, none is.
    ///
    /// ```
    /// use heir_runtime::table::OrderedTable;
    ///
    /// let mut table = OrderedTable::for_tests();
    /// table.extend([(1, 10), (2, 20)]);
    /// assert_eq!(table.replace_if(|_, value| (*value > 10).then_some(0)), 1);
    /// assert_eq!((table.get(&1), table.get(&2)), (Some(10), Some(0)));
    /// ```
    pub fn replace_if(&mut self, mut change: impl FnMut(&K, &V) -> Option<V>) -> usize {
        let mut found = DropRows::with_capacity(0);
        for (key, value) in self.iter() {
            if let Some(new) = change(&key, &value) {
                found.0.push((key, new));
            }
        }
        found.into_vec().into_iter().map(|(key, value)| self.put(key, value)).count()
    }

    /// Removes every row: it takes no time for those that are there.
    pub fn clear(&mut self) {
        self.owner.clear();
    }

    fn source(&self) -> &Owner<K, V> {
        &self.owner
    }

    /// Puts a row, whatever is there.
    fn put(&mut self, key: K, value: V) {
        let more = match self.owner.see(&key, |_, _| ()) {
            Seen::Written(before) => isize::from(before.is_none()),
            Seen::Committed(()) => 0,
            Seen::Absent => 1,
        };
        drop(self.owner.write(key, Some(value), more));
    }

    /// Puts what `make` makes of the value that is there, and returns it.
    fn change(&mut self, key: K, make: impl FnOnce(Option<V>) -> V) -> V {
        let old = self.get(&key);
        let more = isize::from(old.is_none());
        let new = make(old);
        drop(self.owner.write(key, Some(new.clone()), more));
        new
    }

    /// The value of a key, after putting what `make` makes if there is none.
    fn value_mut(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let (value, more) = match self.owner.see(&key, |_, value| value.clone()) {
            Seen::Written(Some(_)) => (None, 0),
            Seen::Committed(value) => (Some(value), 0),
            Seen::Written(None) | Seen::Absent => (Some(make()), 1),
        };
        let own = Quiet::new(key.clone());
        if let Some(value) = value {
            drop(self.owner.write(key, Some(value), more));
        }
        self.owner.written_mut(own.get()).expect("it is there, or was just put")
    }
}

impl<K, V> Extend<(K, V)> for OrderedTable<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, rows: I) {
        for (key, value) in rows {
            self.put(key, value);
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
    type Key = K;
    type Value = V;
    type Rows = BTreeMap<K, V>;

    fn rows_first(boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore> {
        Arc::new(Core::new(Arc::clone(boundaries)) as Core<K, V>)
    }

    fn open(rows: Arc<dyn AnyCore>) -> Self {
        Self { owner: Owner::new(downcast(rows).expect(OTHER)) }
    }

    fn reader_of(rows: Arc<dyn AnyCore>) -> Self::Reader {
        OrderedTableReader { core: downcast(rows).expect(OTHER) }
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
        let owner: &Owner<K, V> = owner.downcast_ref().expect(OTHER);
        let (is_cleared, changes) = owner.changes();
        if is_cleared {
            look(Change::Cleared);
        }
        for (key, value) in changes {
            look(value.map_or(Change::Removed(key), |value| Change::Put(key, value)));
        }
    }
}
