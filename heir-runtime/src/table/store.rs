//! What every kind of table is made of: a shared map, the record of its changes, and the one who writes them.

use std::borrow::Borrow;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::hashed::{HashStore, Hashed};
use super::kept::Kept;
use super::record::{Notes, Record};

/// A map with one writer and any number of readers, none of whom ever waits for a message.
///
/// Every method may run the user's `Hash`, `Eq`, `Ord` or `Clone`, and so may panic in it; none may change anything
/// before, or leave anything half-changed after. None runs such code, or a destructor, under a lock.
pub(super) trait Store: Send + Sync + 'static {
    type Key: Send + Sync + 'static;
    type Value: Clone + Send + Sync + 'static;

    fn new() -> Self;

    /// Puts a row: has `note` note what is there, and replaces it; shows it to `look`, before or after.
    fn put<R>(
        &self,
        key: Self::Key,
        value: Self::Value,
        look: impl FnOnce(Option<&Self::Value>) -> R,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> R;

    /// Removes a row, if it is there: has `note` note it first.
    fn remove(
        &self,
        key: &Self::Key,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> Option<Self::Value>;

    /// Puts back what was there before a change: as often as need be.
    fn restore(&self, key: &Self::Key, old: Option<&Self::Value>);

    /// Whether what has been replaced or removed, by message, is to be dropped when the message is over.
    const LETS_GO: bool;

    /// How many changes the writer notes before it takes a lock to make room.
    const RING: usize;

    /// Whether nothing happens when a key or a value is dropped.
    const PLAIN: bool;

    /// Drops what has been replaced or removed, as far as no reader looks at it.
    fn let_go(&self) {}

    fn get(&self, key: &Self::Key) -> Option<Self::Value>;

    fn len(&self) -> usize;

    /// Values by key, to read a record forwards with.
    type Later<'a>: Default;

    /// Says that `old` was the value of `key` then, and returns what was said last.
    #[expect(
        clippy::option_option,
        reason = "`None`: nothing has been said; `Some(None)`: that there was no row"
    )]
    fn later<'a>(
        later: &mut Self::Later<'a>,
        key: &'a Self::Key,
        old: Option<&'a Self::Value>,
    ) -> Option<Option<&'a Self::Value>>;
}

/// A table's map and record: what outlives its owners, and what its readers read.
pub(super) struct Core<S, K, V> {
    pub(super) store: S,
    pub(super) record: Record<K, V>,
}

impl<S: Store> Core<S, S::Key, S::Value> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { store: S::new(), record: Record::new(S::RING, S::PLAIN) })
    }
}

/// The one who may write.
///
/// It notes a change before it makes it. If the user's code panics in between, the record has one change too many, and to
/// undo a change that was not made is to put back what is there; the other way round, a change could be made of which
/// nobody knows.
pub(super) struct Writer<S, K, V> {
    core: Arc<Core<S, K, V>>,
    /// Made for the first change: most of what a writer weighs.
    notes: Option<Box<Notes<K, V>>>,
}

impl<S: Store> Writer<S, S::Key, S::Value> {
    pub(super) fn new(core: Arc<Core<S, S::Key, S::Value>>) -> Self {
        Self { core, notes: None }
    }

    pub(super) fn store(&self) -> &S {
        &self.core.store
    }

    pub(super) fn put<R>(
        &mut self,
        key: S::Key,
        value: S::Value,
        look: impl FnOnce(Option<&S::Value>) -> R,
    ) -> R {
        let (store, notes) = self.ready();
        store.put(key, value, look, |key, old| notes.note(key, old))
    }

    pub(super) fn remove(&mut self, key: &S::Key) -> Option<S::Value> {
        let (store, notes) = self.ready();
        store.remove(key, |key, old| notes.note(key, old))
    }

    /// Where a change is made, and where it is noted: with room for one.
    #[inline]
    fn ready(&mut self) -> (&S, &mut Notes<S::Key, S::Value>) {
        let Core { store, record } = &*self.core;
        let notes = self.notes.get_or_insert_with(|| Box::new(Notes::new(record)));
        notes.ready(record);
        (store, notes)
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.is_dirty())
    }

    pub(super) fn commit(&mut self) {
        let Some(notes) = self.notes.as_mut().filter(|notes| notes.is_dirty()) else { return };
        notes.commit(&self.core.record, S::LETS_GO);
        if S::LETS_GO {
            self.core.store.let_go();
        }
    }

    /// Undoes the message under way.
    ///
    /// A panic of the user's code stops the undoing of one change, not of the others, and comes out at the end; the record
    /// then stays, and another call begins anew. That is sound, because what is put back does not depend on what is there.
    pub(super) fn rollback(&mut self) {
        let Some(notes) = self.notes.as_mut().filter(|notes| notes.is_dirty()) else { return };
        let mut panicked = None;
        for (key, old) in self.core.record.changes().iter().rev() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.core.store.restore(key, old))) {
                panicked.get_or_insert(payload);
            }
        }
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
        notes.undone(&self.core.record);
        if S::LETS_GO {
            self.core.store.let_go();
        }
    }

    /// The number of the message under way.
    pub(super) fn message(&self) -> u64 {
        self.core.record.boundary() + 1
    }

    /// Reads the record of the message under way forwards: for each change, the key, what was there, and what was put.
    pub(super) fn forwards<R>(
        &self,
        mut read: impl FnMut(&S::Key, Option<&S::Value>, Option<&S::Value>) -> R,
    ) -> Vec<R> {
        let changes = self.core.record.changes();
        let mut later = S::Later::default();
        // From the newest to the oldest: what a change put is what the next change of the key found, or what is there now.
        let mut read: Vec<R> = changes
            .iter()
            .rev()
            .map(|(key, old)| match S::later(&mut later, key, old) {
                Some(new) => read(key, old, new),
                None => read(key, old, self.core.store.get(key).as_ref()),
            })
            .collect();
        read.reverse();
        read
    }
}

impl<K, V> Writer<HashStore<K, V>, Hashed<K>, Kept<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Puts a row whose value `make` makes of the one that is there.
    pub(super) fn change<R>(
        &mut self,
        key: Hashed<K>,
        make: impl FnOnce(Option<&Kept<V>>) -> (Kept<V>, R),
    ) -> R {
        let (store, notes) = self.ready();
        store.change(key, make, |key, old| notes.note(key, old))
    }

    /// `change`, if there is a row.
    pub(super) fn update<Q, R>(&mut self, key: &Q, make: impl FnOnce(&Kept<V>) -> (Kept<V>, R)) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (store, notes) = self.ready();
        store.update(key, make, |key, old| notes.note(key, old))
    }
}
