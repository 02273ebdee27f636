//! `Table`: ets `set`.

#[macro_use]
mod reads;

mod entry;
mod read;
mod reader;

use std::any::Any;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ops::AddAssign;
use std::sync::Arc;

pub use self::entry::Entry;
use self::read::SetRows as _;
pub use self::reader::TableReader;
use super::any::{AnyCore, AnyOwner, OTHER, downcast};
use super::boundary::{Boundaries, Taking};
use super::drops::{DropRows, Quiet, cloned};
use super::hashed::{Core, One, Owner, Seen};
use super::info::TableInfo;
use super::recorded::{Change, LookAtChange, Recorded, sealed};
use super::rows::{Rows, Selection};
use super::shown::{SHOWN, Shown};
use super::snapshot::Snapshot;

/// A recorded table with one row for each key, in no order (ETS `set`).
///
/// The table is the one writer; [`reader`](Self::reader) gives out readers, which go on working
/// while nobody owns the table. What a message writes goes into the table's **write set**: the
/// owner sees it at once, and readers see it when the message has committed, or never.
///
/// Reads return clones, because no lock is held while you look. So the values should be cheap to
/// clone: put large ones into an `Arc`. While a value is cloned, or a key compared, under the lock
/// of some hundred rows, a commit that writes to these rows waits: a `Clone` that blocks holds the
/// owner up.
///
/// Keys are hashed by [foldhash](https://docs.rs/foldhash), which takes a fraction of the time of
/// std's `SipHash`. Its seeds are the operating system's random numbers, others for each table, so
/// keys that collide cannot be prepared. It is no cryptographic hash: somebody who chooses the keys
/// and can measure how long each takes might find some in the end, and slow the table down. An
/// [`OrderedTable`](super::OrderedTable) does not depend on hashes.
///
/// A value that was replaced or removed is dropped right after the commit, in the owner's task,
/// unless a snapshot still needs it; a panic of its destructor goes to the log. The values that a
/// dead message has written are dropped with the rest of its incarnation.
///
/// A recorded table stays where it is. One that was swapped with another, or replaced by one made
/// for tests, is found at the next message boundary: the message dies, each field has its own rows
/// again, and the table that was taken out can be read, but no more written to.
///
/// ```
/// use heir_runtime::table::Table;
///
/// let mut hits = Table::for_tests();
/// assert_eq!(hits.add("index", 1), 1);
/// assert_eq!(hits.add("index", 1), 2);
///
/// let reader = hits.reader();
/// assert_eq!(reader.get("index"), None); // not committed yet
/// hits.commit();
/// assert_eq!(reader.get("index"), Some(2));
/// drop(hits);
/// assert_eq!(reader.get("index"), Some(2));
/// ```
pub struct Table<K, V> {
    owner: Owner<K, One<V>>,
}

reads!(Table);
walks!(Table, Rows, [Eq + Hash], "row", "rows");

impl<K, V> Table<K, V>
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
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
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
    pub fn reader(&self) -> TableReader<K, V> {
        TableReader { core: Arc::clone(&self.owner.core) }
    }

    /// The rows `condition` is true of, some at a time, going on where it left off.
    pub fn selection<'a>(&'a self, condition: impl FnMut(&K, &V) -> bool + Send + 'a) -> Selection<'a, K, V> {
        Selection::new(self.iter(), condition)
    }

    /// A copy of the table as of the last message boundary, as its
    /// [readers](Self::reader) take it: without what the message under way has written.
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
    /// table.insert("a", 1);
    /// table.commit();
    /// table.insert("a", 2); // of the message under way
    /// assert_eq!(table.snapshot()["a"], 1);
    /// ```
    ///
    /// # Panics
    /// As [`TableReader::snapshot`] does.
    pub fn snapshot(&self) -> Snapshot<HashMap<K, V>> {
        self.reader().snapshot()
    }

    /// What the table knows of itself (ETS `info`).
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
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
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
    /// assert_eq!(table.insert("a", 1), None);
    /// assert_eq!(table.insert("a", 2), Some(1));
    /// ```
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.owner.see(&key, |_, value| value.clone()) {
            Seen::Written(at) => self.put_at(at, value),
            Seen::Committed(place, old) => {
                self.owner.write(place, key, Some(value), (0, 0));
                Some(old)
            }
            Seen::Absent(place) => {
                self.owner.write(place, key, Some(value), (1, 1));
                None
            }
        }
    }

    /// Puts a row unless there is one with this key. Returns whether it did.
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
    /// assert!(table.insert_new("a", 1));
    /// assert!(!table.insert_new("a", 2));
    /// assert_eq!(table.get("a"), Some(1));
    /// ```
    pub fn insert_new(&mut self, key: K, value: V) -> bool {
        match self.owner.see(&key, |_, _| ()) {
            Seen::Written(at) if self.owner.written(at).is_none() => drop(self.put_at(at, value)),
            Seen::Absent(place) => drop(self.owner.write(place, key, Some(value), (1, 1))),
            Seen::Written(_) | Seen::Committed(..) => return false,
        }
        true
    }

    /// The place of a key, empty or not, to be looked at and filled.
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
    /// *table.entry("a").or_insert(1) += 1;
    /// table.entry("a").and_modify(|value| *value += 1).or_default();
    /// assert_eq!(table.get("a"), Some(3));
    /// ```
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry::new(self, key)
    }

    /// The value of a row, to be changed in place: the row then counts as written.
    ///
    /// ```
    /// # use heir_runtime::table::Table;
    /// let mut lists = Table::for_tests();
    /// lists.insert("odd", vec![1]);
    /// if let Some(list) = lists.get_mut("odd") {
    ///     list.push(3);
    /// }
    /// assert_eq!(lists.get("odd"), Some(vec![1, 3]));
    /// ```
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let at = match self.owner.see(key, cloned) {
            Seen::Written(at) => at,
            Seen::Committed(place, (key, value)) => self.owner.write(place, key, Some(value), (0, 0)),
            Seen::Absent(_) => return None,
        };
        self.owner.written_mut(at).as_mut()
    }

    /// Changes the value of a row: `change` gets a clone, which is put when it returns. Returns what
    /// `change` returns; `None` if there is no such row.
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
    /// table.insert("a", vec![1]);
    /// assert_eq!(table.update("a", |list| { list.push(2); list.len() }), Some(2));
    /// assert_eq!(table.update("b", |list| list.len()), None);
    /// ```
    pub fn update<Q, R>(&mut self, key: &Q, change: impl FnOnce(&mut V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.owner.see(key, cloned) {
            Seen::Written(at) => {
                let mut value = self.owner.written(at).clone()?;
                let answer = change(&mut value);
                self.put_at(at, value);
                Some(answer)
            }
            Seen::Committed(place, (key, mut value)) => {
                let key = Quiet::new(key);
                let answer = change(&mut value);
                self.owner.write(place, key.into_inner(), Some(value), (0, 0));
                Some(answer)
            }
            Seen::Absent(_) => None,
        }
    }

    /// Adds to the value of a row, or to the default value if there is none, and returns the sum
    /// (ETS `update_counter`). An overflow is that of `+=`.
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
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
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
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
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
    /// table.insert("a", 1);
    /// assert_eq!(table.remove("a"), Some(1));
    /// assert_eq!(table.remove("a"), None);
    /// ```
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.owner.see(key, cloned) {
            Seen::Written(at) => self.remove_at(at),
            Seen::Committed(place, (key, value)) => {
                self.owner.write(place, key, None, (-1, -1));
                Some(value)
            }
            Seen::Absent(_) => None,
        }
    }

    /// Removes a row, and returns it.
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let key = self.source().look(key, |key, _| key.clone())?;
        let value = self.remove::<K>(&key)?;
        Some((key, value))
    }

    /// Removes the rows `condition` is true of, and returns how many (ETS `select_delete`,
    /// `match_delete`). If `condition` panics, none is removed.
    ///
    /// ```
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
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
    /// use heir_runtime::table::Table;
    ///
    /// let mut table = Table::for_tests();
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

    fn source(&self) -> &Owner<K, One<V>> {
        &self.owner
    }

    /// Puts a row, whatever is there.
    fn put(&mut self, key: K, value: V) {
        match self.owner.see(&key, |_, _| ()) {
            Seen::Written(at) => drop(self.put_at(at, value)),
            Seen::Committed(place, ()) => drop(self.owner.write(place, key, Some(value), (0, 0))),
            Seen::Absent(place) => drop(self.owner.write(place, key, Some(value), (1, 1))),
        }
    }

    /// Puts what `make` makes of the value that is there, and returns it.
    #[inline]
    fn change(&mut self, key: K, make: impl FnOnce(Option<V>) -> V) -> V {
        match self.owner.see(&key, |_, value| value.clone()) {
            Seen::Written(at) => {
                let new = make(self.owner.written(at).clone());
                self.put_at(at, new.clone());
                new
            }
            Seen::Committed(place, old) => {
                let new = make(Some(old));
                self.owner.write(place, key, Some(new.clone()), (0, 0));
                new
            }
            Seen::Absent(place) => {
                let new = make(None);
                self.owner.write(place, key, Some(new.clone()), (1, 1));
                new
            }
        }
    }

    /// The value of a key, after putting what `make` makes if there is none.
    fn value_mut(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let at = match self.owner.see(&key, |_, value| value.clone()) {
            Seen::Written(at) => {
                if self.owner.written(at).is_none() {
                    self.put_at(at, make());
                }
                at
            }
            Seen::Committed(place, value) => self.owner.write(place, key, Some(value), (0, 0)),
            Seen::Absent(place) => {
                let value = make();
                self.owner.write(place, key, Some(value), (1, 1))
            }
        };
        self.owner.written_mut(at).as_mut().expect("it is there, or was just put")
    }

    fn put_at(&mut self, at: usize, value: V) -> Option<V> {
        self.owner.rewrite(at, |change| {
            let old = change.replace(value);
            let more = isize::from(old.is_none());
            (old, more, more)
        })
    }

    fn remove_at(&mut self, at: usize) -> Option<V> {
        self.owner.rewrite(at, |change| {
            let old = change.take();
            let more = -isize::from(old.is_some());
            (old, more, more)
        })
    }
}

impl<K, V> Extend<(K, V)> for Table<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, rows: I) {
        for (key, value) in rows {
            self.put(key, value);
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
    type Key = K;
    type Value = V;
    type Rows = HashMap<K, V>;

    fn rows_first(boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore> {
        Arc::new(Core::new(Arc::clone(boundaries)) as Core<K, One<V>>)
    }

    fn open(rows: Arc<dyn AnyCore>) -> Self {
        Self { owner: Owner::new(downcast(rows).expect(OTHER)) }
    }

    fn reader_of(rows: Arc<dyn AnyCore>) -> Self::Reader {
        TableReader { core: downcast(rows).expect(OTHER) }
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
        let owner: &Owner<K, One<V>> = owner.downcast_ref().expect(OTHER);
        let (is_cleared, changes) = owner.changes();
        if is_cleared {
            look(Change::Cleared);
        }
        for (key, value) in changes {
            look(value.as_ref().map_or(Change::Removed(key), |value| Change::Put(key, value)));
        }
    }
}
