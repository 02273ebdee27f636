//! What the owner and the readers of a hash table share: the committed rows, and what snapshots
//! need of those before.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::hash_table::Entry as Slot;

use super::ahead::Ahead;
use super::entries::Entry;
use super::kind::Kind;
use super::shards::{Place, Row, Rows, Shards, TakenOut, spread};
use crate::table::any::AnyCore;
#[cfg(feature = "store")]
use crate::table::any::{AHEAD, OTHER, downcast};
use crate::table::boundary::{Boundaries, Passing};
use crate::table::drops::drop_quietly;
use crate::table::lock::RowLock;
use crate::table::replaced::Replaced;
use crate::util::sync::Lock;

/// The committed rows of a table. They outlive its owners.
pub(in crate::table) struct Core<K, D: Kind> {
    pub(super) hasher: SeedableRandomState,
    pub(in crate::table) shards: Shards<K, D::Value>,
    /// How many values there are.
    values: AtomicIsize,
    pub(super) replaced: Replaced<Undo<K, D>>,
    pub(in crate::table) boundaries: Arc<Boundaries>,
    /// The number of the one owner that may write.
    pub(super) owner: AtomicU64,
    /// The commits that are not shown yet, if a journal shows them.
    pub(super) late: Option<Box<Late<K, D>>>,
    /// The number of the next value of a list.
    pub(super) next_value: AtomicU64,
}

/// The commits that are not shown yet.
pub(super) struct Late<K, D: Kind> {
    /// As the owner sees them.
    pub(super) ahead: RowLock<Ahead<K, D>>,
    /// What they have replaced when they were shown, for the owner to drop.
    pub(super) returned: Lock<Vec<Undo<K, D>>>,
}

/// What a commit has done, to be undone in a snapshot of an earlier boundary, and then to be dropped.
pub(in crate::table) enum Undo<K, D: Kind> {
    /// It has written to a row.
    Row(RowUndo<K, D>),
    /// It has taken out all rows.
    Cleared(TakenOut<K, D::Value>),
}

/// What a commit has done to a row.
pub(in crate::table) enum RowUndo<K, D: Kind> {
    /// It has put a row at this place.
    Put { place: Place },
    /// It has changed the row at this place.
    Changed { place: Place, before: D::Before, spare: K },
    /// It has changed this row, and taken it out.
    Removed { row: Row<K, D::Value>, before: D::Before, spare: K },
    /// It has found no row, and put none.
    Nothing { key: K, change: D::Change },
}

impl<K, D: Kind> Core<K, D> {
    pub(in crate::table) fn new(boundaries: Arc<Boundaries>) -> Self {
        Self::with(hasher(), boundaries)
    }

    pub(super) fn with(hasher: SeedableRandomState, boundaries: Arc<Boundaries>) -> Self {
        let late = || Box::new(Late { ahead: RowLock::new(Ahead::new()), returned: Lock::default() });
        let late = boundaries.unshown().map(|_| late());
        Self {
            hasher,
            shards: Shards::new(),
            values: AtomicIsize::new(0),
            replaced: Replaced::new(),
            boundaries,
            late,
            owner: AtomicU64::new(0),
            next_value: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(in crate::table) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        let hash = self.hasher.hash_one(key);
        // Both halves: the hash of a number may have little in one of them.
        #[expect(clippy::cast_possible_truncation, reason = "half of it is meant")]
        let hash = (hash ^ (hash >> 32)) as u32;
        hash
    }

    /// How many values there are.
    pub(in crate::table) fn len(&self) -> usize {
        self.values.load(Ordering::Relaxed).try_into().unwrap_or(0)
    }

    /// How many rows there are.
    pub(in crate::table) fn rows(&self) -> usize {
        self.shards.len()
    }

    /// Looks at the row of a key.
    #[inline]
    pub(in crate::table) fn find<Q, R>(
        &self,
        hash: u32,
        key: &Q,
        look: impl FnOnce(Option<&Row<K, D::Value>>, &Rows<K, D::Value>) -> R,
    ) -> R
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.shards.read(hash, |rows| {
            let is_it = |row: &Row<K, D::Value>| row.place.hash == hash && *row.key.borrow() == *key;
            look(rows.find(spread(hash), is_it), rows)
        })
    }

    /// Makes a change to the row at a place: for the one writer. Only moves.
    #[inline]
    fn apply(&self, place: Place, key: K, change: D::Change) -> RowUndo<K, D> {
        let (undo, more) = self.shards.write(place.hash, |rows| change_row(rows, place, key, change));
        self.count(more);
        undo
    }

    /// Counts what a change has made more, outside of all locks.
    #[inline]
    pub(super) fn count(&self, more: More) {
        if more.values != 0 {
            self.values.store(self.values.load(Ordering::Relaxed) + more.values, Ordering::Relaxed);
        }
        match more.rows {
            1 => self.shards.one_more(),
            -1 => self.shards.one_less(),
            _ => {}
        }
    }

    /// Makes a commit visible, and keeps what it replaces for snapshots, or puts it into `spent`: for
    /// the one writer. Only moves.
    pub(super) fn show(
        &self,
        clears: bool,
        changes: std::vec::Drain<'_, Entry<K, D::Change>>,
        passing: &Passing<'_>,
        spent: &mut Vec<Undo<K, D>>,
    ) {
        let keeps = passing.keeps();
        let mut put_aside = |undo| {
            if keeps {
                self.replaced.push(passing.number(), undo);
            } else {
                spent.push(undo);
            }
        };
        if clears {
            put_aside(self.clear());
        }
        for Entry { place, key, content } in changes {
            let undo = self.apply(place, key, content);
            // A row that was put has replaced nothing, and costs no room.
            let is_to_drop = std::mem::needs_drop::<RowUndo<K, D>>() && !matches!(undo, RowUndo::Put { .. });
            if keeps || is_to_drop {
                put_aside(Undo::Row(undo));
            }
        }
    }

    /// Drops what a commit has kept that passed while the last snapshot ended.
    #[inline]
    pub(super) fn give_up_kept(&self) {
        if self.replaced.is_some() && !self.boundaries.are_copied() {
            self.drop_unneeded();
        }
    }

    /// Drops what no snapshot needs any more.
    #[cold]
    fn drop_unneeded(&self) {
        drop_shared(self.replaced.give_up(self.boundaries.needed_by_none()));
    }

    /// Takes all rows out: for the one writer. Only moves.
    pub(super) fn clear(&self) -> Undo<K, D> {
        self.values.store(0, Ordering::Relaxed);
        Undo::Cleared(self.shards.take())
    }

    /// Exchanges all rows for those of another table, in which keys have the same hashes.
    pub(super) fn exchange(&self, other: &Self, passing: &mut Passing<'_>) {
        passing.exchanges();
        self.exchange_rows(other);
    }

    pub(super) fn exchange_rows(&self, other: &Self) {
        self.shards.exchange(&other.shards);
        let (ours, theirs) = (self.values.load(Ordering::Relaxed), other.values.load(Ordering::Relaxed));
        self.values.store(theirs, Ordering::Relaxed);
        other.values.store(ours, Ordering::Relaxed);
        let next = self.next_value.load(Ordering::Relaxed).max(other.next_value.load(Ordering::Relaxed));
        self.next_value.store(next, Ordering::Relaxed);
        other.next_value.store(next, Ordering::Relaxed);
    }
}

/// How many values and rows a change has made more.
#[derive(Clone, Copy)]
pub(super) struct More {
    values: isize,
    rows: i32,
}

/// Makes a change to the row at a place. Only moves.
#[inline]
pub(super) fn change_row<K, D: Kind>(
    rows: &mut Rows<K, D::Value>,
    place: Place,
    key: K,
    change: D::Change,
) -> (RowUndo<K, D>, More) {
    let slot = rows.entry(spread(place.hash), |row| row.place == place, |row| spread(row.place.hash));
    match slot {
        Slot::Vacant(slot) => match D::begin(change) {
            Ok(value) => {
                let values = D::count(&value).cast_signed();
                slot.insert(Row { place, key, value });
                (RowUndo::Put { place }, More { values, rows: 1 })
            }
            Err(change) => (RowUndo::Nothing { key, change }, More { values: 0, rows: 0 }),
        },
        Slot::Occupied(mut slot) => {
            let row = slot.get_mut();
            let values = D::count(&row.value).cast_signed();
            let (before, stays) = D::change(&mut row.value, change);
            if stays {
                let values = D::count(&row.value).cast_signed() - values;
                (RowUndo::Changed { place, before, spare: key }, More { values, rows: 0 })
            } else {
                let (row, _) = slot.remove();
                (RowUndo::Removed { row, before, spare: key }, More { values: -values, rows: -1 })
            }
        }
    }
}

fn drop_shared<K, D: Kind>(shared: Vec<Arc<Undo<K, D>>>) {
    shared.into_iter().filter_map(Arc::into_inner).for_each(Undo::drop_values);
}

impl<K, D> AnyCore for Core<K, D>
where
    K: 'static,
    D: Kind + 'static,
    Self: Send + Sync,
{
    fn anew(&self, boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore> {
        // Keys have the hashes that they have here.
        Arc::new(Self::with(self.hasher.clone(), Arc::clone(boundaries)))
    }

    fn row_count(&self) -> usize {
        self.len()
    }

    fn give_up_replaced(&self) {
        self.drop_unneeded();
    }

    fn forget_ahead(&self) {
        if let Some(late) = &self.late {
            drop(late.ahead.write(|ahead| std::mem::replace(ahead, Ahead::new())));
            late.returned.take().into_iter().for_each(Undo::drop_values);
        }
    }

    #[cfg(feature = "store")]
    fn exchange_with(&self, other: &Arc<dyn AnyCore>, passing: &mut Passing<'_>) {
        let other = downcast::<Self>(Arc::clone(other)).expect(OTHER);
        let is_shown = |core: &Self| core.late.as_ref().is_none_or(|late| late.ahead.read(Ahead::is_empty));
        assert!(is_shown(self) && is_shown(&other), "{AHEAD}");
        self.exchange(&other, passing);
    }
}

pub(super) fn drop_row<K, D: Kind>(row: Row<K, D::Value>) {
    drop_quietly(row.key);
    D::drop_value(row.value);
}

impl<K, D: Kind> Undo<K, D> {
    /// Drops it, one value after the other, each caught.
    pub(super) fn drop_values(self) {
        match self {
            Self::Row(row) => row.drop_values(),
            Self::Cleared(rows) => rows.into_rows().for_each(drop_row::<K, D>),
        }
    }
}

impl<K, D: Kind> RowUndo<K, D> {
    /// The place of the row, if there was one before or after.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Self::Put { place } | Self::Changed { place, .. } => Some(*place),
            Self::Removed { row, .. } => Some(row.place),
            Self::Nothing { .. } => None,
        }
    }

    pub(super) fn drop_values(self) {
        match self {
            Self::Put { .. } => {}
            Self::Changed { before, spare, .. } => {
                D::drop_before(before);
                drop_quietly(spare);
            }
            Self::Removed { row, before, spare } => {
                drop_row::<K, D>(row);
                D::drop_before(before);
                drop_quietly(spare);
            }
            Self::Nothing { key, change } => {
                drop_quietly(key);
                D::drop_change(change);
            }
        }
    }
}

impl<K, D: Kind> Drop for Core<K, D> {
    fn drop(&mut self) {
        drop_shared(self.replaced.take());
        if let Some(late) = &self.late {
            late.returned.take().into_iter().for_each(Undo::drop_values);
        }
        // A supervisor or a user drops the last reader, and expects no panic of the rows there.
        if std::mem::needs_drop::<(K, D::Value)>() {
            self.shards.drain().for_each(drop_row::<K, D>);
        }
    }
}

/// A hasher for one table. Both of its seeds come from where those of std's hash maps do, which is
/// the operating system.
fn hasher() -> SeedableRandomState {
    static SHARED: OnceLock<SharedSeed> = OnceLock::new();
    let random = || RandomState::new().hash_one(());
    SeedableRandomState::with_seed(random(), SHARED.get_or_init(|| SharedSeed::from_u64(random())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::hashed::One;

    #[test]
    fn each_table_hashes_in_its_own_way() {
        let hash = || Core::<u64, One<u64>>::new(Boundaries::new()).hash(&1_u64);
        assert_ne!((hash(), hash()), (hash(), hash()));
    }
}
