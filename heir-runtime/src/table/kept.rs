//! What a store asks of a recorded table: its rows as of a boundary, and changes to rows that are loaded.

use std::hash::Hash;
use std::ops::ControlFlow;

use super::boundary::Taking;
use super::hashed::{self, Edits, Many, NoSuchChange, One};
use super::readers::Copying;
use super::recorded::{Change, Recorded};
use super::{BagTable, OrderedTable, Table, TableKind, sorted};

/// A recorded table whose rows a store can keep.
pub trait Kept: Recorded {
    const KIND: TableKind;

    /// Shows the rows as of the boundary of a snapshot, page by page, as the changes that make them,
    /// until `look` breaks off: `None` if they have been exchanged since.
    fn each_row_at(
        reader: &Self::Reader,
        taking: &Taking,
        look: &mut WalkRows<'_, Self::Key, Self::Value>,
    ) -> Option<ControlFlow<()>>;

    /// Begins to load the rows of a table that was made [anew](super::Readers::anew).
    fn loading(reader: &Self::Reader) -> Box<dyn Loading<Self::Key, Self::Value>>;
}

/// Looks at a row, as the change that makes it, and may break off.
pub(super) type WalkRows<'l, K, V> = dyn FnMut(Change<&K, &V>) -> ControlFlow<()> + 'l;

/// Rows that are loaded, and that nobody sees.
pub trait Loading<K, V>: Send {
    /// Makes a change to them. After an error they are of no use.
    ///
    /// # Panics
    /// In the `Hash`, `Eq` or `Ord` of a key, if that panics: as after an error.
    fn change(&mut self, change: Change<K, V>) -> Result<(), NoSuchChange>;

    /// Puts them into the table that they were loaded for.
    fn finish(self: Box<Self>);
}

impl Copying<'_> {
    /// The number of the boundary.
    pub(crate) fn boundary(&self) -> u64 {
        self.taking.boundary()
    }

    /// Shows the rows of the table at this place to `look`, some in memory at a time, as the changes
    /// that make them, until it breaks off: `None` as [`rows`](Self::rows).
    ///
    /// # Panics
    /// As [`rows`](Self::rows), and in `look`.
    pub(crate) fn each_row<T: Kept>(
        &self,
        place: usize,
        mut look: impl FnMut(Change<&T::Key, &T::Value>) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        T::each_row_at(&self.readers.get::<T>(place), self.taking, &mut look)
    }
}

/// Shows rows that are read in pages, and loads rows.
macro_rules! kept {
    ($kind:ident, $layout:ident, |$page:ident| $changes:expr) => {
        const KIND: TableKind = TableKind::$kind;

        fn each_row_at(
            reader: &Self::Reader,
            taking: &Taking,
            look: &mut WalkRows<'_, K, V>,
        ) -> Option<ControlFlow<()>> {
            let mut past = $layout::Past::new(&reader.core, taking);
            while let Some($page) = past.next_page().ok()? {
                if $changes.try_for_each(&mut *look).is_break() {
                    return Some(ControlFlow::Break(()));
                }
            }
            Some(ControlFlow::Continue(()))
        }

        fn loading(reader: &Self::Reader) -> Box<dyn Loading<K, V>> {
            Box::new($layout::Loading::into(&reader.core))
        }
    };
}

impl<K, V> Kept for Table<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    kept!(Table, hashed, |page| page.0.iter().map(|(key, value)| Change::Put(key, value)));
}

impl<K, V> Kept for OrderedTable<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    kept!(Ordered, sorted, |page| page.0.iter().map(|(key, value)| Change::Put(key, value)));
}

impl<K, V> Kept for BagTable<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    kept!(Bag, hashed, |page| page.0.iter().flat_map(|(key, list)| {
        list.0.iter().map(move |(number, value)| Change::Added(key, *number, value))
    }));
}

impl<K, V> Loading<K, V> for hashed::Loading<K, One<V>>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    fn change(&mut self, change: Change<K, V>) -> Result<(), NoSuchChange> {
        match change {
            Change::Cleared => self.clear(),
            Change::Put(key, value) => self.write(key, |_| Ok(Some(value)))?,
            Change::Removed(key) => self.write(key, |_| Ok(None))?,
            Change::Added(..) | Change::Taken(..) => return Err(NoSuchChange::OtherKind),
        }
        Ok(())
    }

    fn finish(self: Box<Self>) {
        self.put_in_place();
    }
}

impl<K, V> Loading<K, V> for hashed::Loading<K, Many<V>>
where
    K: Eq + Hash + Send + Sync,
    V: Send + Sync,
{
    fn change(&mut self, change: Change<K, V>) -> Result<(), NoSuchChange> {
        match change {
            Change::Cleared => self.clear(),
            Change::Put(..) => return Err(NoSuchChange::OtherKind),
            Change::Removed(key) => self.write(key, |list| Ok(Edits::without_all(list)))?,
            Change::Added(key, number, value) => {
                self.write(key, |list| Edits::with(list, number, value))?;
                self.numbers_go_on_after(number);
            }
            Change::Taken(key, number) => self.write(key, |list| Edits::without(list, number))?,
        }
        Ok(())
    }

    fn finish(self: Box<Self>) {
        self.put_in_place();
    }
}

impl<K, V> Loading<K, V> for sorted::Loading<K, V>
where
    K: Ord + Send + Sync,
    V: Send + Sync,
{
    fn change(&mut self, change: Change<K, V>) -> Result<(), NoSuchChange> {
        match change {
            Change::Cleared => self.clear(),
            Change::Put(key, value) => self.put(key, value),
            Change::Removed(key) => self.remove(key),
            Change::Added(..) | Change::Taken(..) => return Err(NoSuchChange::OtherKind),
        }
        Ok(())
    }

    fn finish(self: Box<Self>) {
        self.put_in_place();
    }
}
