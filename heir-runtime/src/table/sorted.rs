//! The map under `OrderedTable`: std's, behind a lock that is held for one search at a time.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::kept::Kept;
use super::store::{Core, Store};

/// A row that can be taken out of the lock, to be cloned, shown and dropped outside it. Its halves are caught one by one:
/// two destructors that panic, one while the other unwinds, would end the process.
pub(super) type Row<K, V> = Arc<(Kept<K>, Kept<V>)>;

/// A copy of a row, for the user.
pub(super) fn cloned<K: Clone, V: Clone>(row: &Row<K, V>) -> (K, V) {
    (K::clone(&row.0), V::clone(&row.1))
}

/// The shared part of a table of rows by the order of their keys.
pub(super) type SortedCore<K, V> = Arc<Core<SortedStore<K, V>, Row<K, V>, Row<K, V>>>;

/// How many rows a walk takes at a time.
const PAGE: usize = 128;

/// Rows by the order of their keys.
///
/// The one code of the user's that runs under the lock is `Ord`; see `table::ordered` for what follows.
pub(super) struct SortedStore<K, V> {
    rows: RwLock<BTreeMap<K, Row<K, V>>>,
}

impl<K, V> SortedStore<K, V> {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, BTreeMap<K, Row<K, V>>> {
        // std's tree compares before it changes anything: an `Ord` that panics leaves it as it was.
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<K, Row<K, V>>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord, V> SortedStore<K, V> {
    /// The row of a key.
    pub(super) fn row<Q>(&self, key: &Q) -> Option<Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.read().get(key).cloned()
    }

    /// The first row between two bounds.
    pub(super) fn first_in<Q>(&self, bounds: (Bound<&Q>, Bound<&Q>)) -> Option<Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.read().range::<Q, _>(bounds).next().map(|(_, row)| Arc::clone(row))
    }

    /// The last row between two bounds.
    pub(super) fn last_in<Q>(&self, bounds: (Bound<&Q>, Bound<&Q>)) -> Option<Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.read().range::<Q, _>(bounds).next_back().map(|(_, row)| Arc::clone(row))
    }

    /// Looks at the rows between two bounds, in order, while `look` says to go on.
    ///
    /// They are taken out a page at a time: the writer waits for a page at most, and never for `look`.
    pub(super) fn each<Q>(
        &self,
        (lower, upper): (Bound<&Q>, Bound<&Q>),
        mut look: impl FnMut(&Row<K, V>) -> bool,
    ) where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut last: Option<Row<K, V>> = None;
        loop {
            let from = last.as_ref().map_or(lower, |row| Bound::Excluded(K::borrow(&row.0)));
            let page: Vec<Row<K, V>> =
                self.read().range::<Q, _>((from, upper)).take(PAGE).map(|(_, row)| Arc::clone(row)).collect();
            if !page.iter().all(&mut look) || page.len() < PAGE {
                return;
            }
            last = page.into_iter().next_back();
        }
    }
}

impl<K, V> Store for SortedStore<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A row of this key: the record holds on to one that is there anyway.
    type Key = Row<K, V>;
    type Value = Row<K, V>;

    // A row is dropped with the last that holds it: there is nothing else to let go of.
    const LETS_GO: bool = std::mem::needs_drop::<V>();
    // There is a lock anyway, and the ring is most of a small table's weight.
    const RING: usize = 8;
    const PLAIN: bool = false;

    type Later<'a> = BTreeMap<&'a K, Option<&'a Row<K, V>>>;

    fn new() -> Self {
        Self { rows: RwLock::default() }
    }

    fn put<R>(
        &self,
        key: Self::Key,
        value: Self::Value,
        look: impl FnOnce(Option<&Self::Value>) -> R,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> R {
        let mut rows = self.write();
        if let Some(row) = rows.get_mut(&*key.0) {
            note(key, Some(Arc::clone(row)));
            let old = std::mem::replace(row, value);
            drop(rows);
            return look(Some(&old));
        }
        // Nobody else writes: the place stays empty while the key is cloned, which may take its time.
        drop(rows);
        let own = key.0.clone();
        note(key, None);
        self.write().insert(own.into_inner(), value);
        look(None)
    }

    fn remove(
        &self,
        key: &Self::Key,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> Option<Self::Value> {
        let old = self.row::<K>(&key.0)?;
        note(Arc::clone(key), Some(Arc::clone(&old)));
        self.unset(&key.0);
        Some(old)
    }

    fn restore(&self, key: &Self::Key, old: Option<&Self::Value>) {
        match old {
            Some(old) => self.put(Arc::clone(key), Arc::clone(old), |_| (), |_, _| ()),
            None => self.unset(&key.0),
        }
    }

    fn get(&self, key: &Self::Key) -> Option<Self::Value> {
        self.row::<K>(&key.0)
    }

    fn len(&self) -> usize {
        self.read().len()
    }

    fn later<'a>(
        later: &mut Self::Later<'a>,
        key: &'a Self::Key,
        old: Option<&'a Self::Value>,
    ) -> Option<Option<&'a Self::Value>> {
        later.insert(&key.0, old)
    }
}

impl<K: Ord, V> SortedStore<K, V> {
    /// Removes a row; it is dropped outside the lock.
    fn unset(&self, key: &K) {
        let removed = self.write().remove_entry(key);
        if let Some((key, _)) = removed {
            drop(Kept::new(key));
        }
    }
}

impl<K, V> Drop for SortedStore<K, V> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<K>() {
            // One by one, so that a destructor that panics stops at its own row.
            let rows = self.rows.get_mut().unwrap_or_else(PoisonError::into_inner);
            for (key, _) in std::mem::take(rows) {
                drop(Kept::new(key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{OnceLock, mpsc};
    use std::time::Duration;

    use crate::table::{OrderedTable, OrderedTableReader};

    static READER: OnceLock<OrderedTableReader<Key, u64>> = OnceLock::new();

    /// Its destructor reads the table it is in.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Key(u64);

    impl Drop for Key {
        fn drop(&mut self) {
            let _ = READER.get().map(OrderedTableReader::len);
        }
    }

    #[test]
    fn a_keys_destructor_may_read_the_table_whenever_it_runs() {
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            let mut table = OrderedTable::for_tests();
            let _ = READER.set(table.reader());
            for value in 0..100 {
                table.insert(Key(1), value);
                table.commit();
            }
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(30)).expect("no destructor runs while the rows are locked");
    }
}
