//! What the owner and the readers of an ordered table share: the committed rows, and what snapshots
//! need of those before.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::ahead::Ahead;
use super::index::{Index, Slot};
use super::write_set::{LeftOver, Write};
use crate::table::any::AnyCore;
#[cfg(feature = "store")]
use crate::table::any::{AHEAD, OTHER, downcast};
use crate::table::boundary::{Boundaries, Passing};
use crate::table::drops::{DropRows, drop_quietly};
use crate::table::lock::RowLock;
use crate::table::replaced::Replaced;
use crate::table::rows::PAGE;
use crate::util::sync::Lock;

/// How many rows a commit moves under the lock at a time.
const MOVED: usize = 256;

/// The committed rows of a table. They outlive its owners.
pub(in crate::table) struct Core<K, V> {
    pub(super) index: RowLock<Index<K, V>>,
    /// How many rows there are, for who must not wait for the lock: an `Ord` may hold it for long.
    rows: AtomicUsize,
    pub(super) replaced: Replaced<Undo<V>>,
    pub(in crate::table) boundaries: Arc<Boundaries>,
    /// The number of the one owner that may write.
    pub(super) owner: AtomicU64,
    /// The commits that are not shown yet, if a journal shows them.
    pub(super) late: Option<Box<Late<K, V>>>,
}

/// The commits that are not shown yet.
pub(super) struct Late<K, V> {
    /// As the owner sees them.
    pub(super) ahead: RowLock<Ahead<K, V>>,
    /// What they have left when they were shown, for the owner to do.
    pub(super) returned: Lock<LeftOver<K, V>>,
}

/// What was in a slot before a commit.
pub(super) struct Undo<V> {
    pub(super) slot: Slot,
    pub(super) before: Option<V>,
}

impl<K, V> Core<K, V> {
    pub(in crate::table) fn new(boundaries: Arc<Boundaries>) -> Self {
        let late = || Box::new(Late { ahead: RowLock::new(Ahead::new()), returned: Lock::default() });
        let late = boundaries.unshown().map(|_| late());
        Self {
            index: RowLock::new(Index::new()),
            rows: AtomicUsize::new(0),
            replaced: Replaced::new(),
            boundaries,
            owner: AtomicU64::new(0),
            late,
        }
    }

    pub(in crate::table) fn len(&self) -> usize {
        self.index.read(Index::len)
    }

    /// Exchanges all rows for those of another table.
    pub(super) fn exchange(&self, other: &Self, passing: &mut Passing<'_>) {
        passing.exchanges();
        self.exchange_rows(other);
    }

    pub(super) fn exchange_rows(&self, other: &Self) {
        self.index.write(|ours| {
            other.index.write(|theirs| {
                std::mem::swap(ours, theirs);
                other.rows.store(theirs.len(), Ordering::Relaxed);
            });
            self.rows.store(ours.len(), Ordering::Relaxed);
        });
    }

    /// Makes a commit visible. What it replaces is kept for snapshots, or for the owner to drop.
    /// Only moves.
    pub(super) fn show(
        &self,
        clears: bool,
        writes: BTreeMap<K, Write<V>>,
        passing: &Passing<'_>,
        left: &mut LeftOver<K, V>,
    ) {
        let keeps = passing.keeps();
        let LeftOver { vacated, sweeps_all, spent, spent_keys } = left;
        let mut put_aside = |slot, before: Option<V>| {
            if keeps {
                self.replaced.push(passing.number(), Undo { slot, before });
            } else if std::mem::needs_drop::<V>() {
                spent.extend(before);
            }
        };
        if clears {
            let mut from = 0;
            let empty = |from| {
                self.index.write(|index| {
                    let emptied = index.empty(from);
                    self.rows.store(index.len(), Ordering::Relaxed);
                    emptied
                })
            };
            while let Some((emptied, next)) = empty(from) {
                for (slot, before) in emptied {
                    put_aside(slot, Some(before));
                }
                from = next;
            }
            *sweeps_all = true;
        }
        let mut moved = writes.into_iter().peekable();
        while moved.peek().is_some() {
            let mut done = Vec::with_capacity(moved.len().min(MOVED));
            self.index.write(|index| {
                for (key, Write { value, slot, .. }) in moved.by_ref().take(MOVED) {
                    let is_removed = value.is_none();
                    let before = slot.and_then(|slot| index.replace(slot, value));
                    done.push((key, slot, before, is_removed));
                }
                self.rows.store(index.len(), Ordering::Relaxed);
            });
            for (key, slot, before, is_removed) in done {
                if let Some(slot) = slot {
                    put_aside(slot, before);
                }
                if is_removed && slot.is_some() {
                    vacated.push(key);
                } else if std::mem::needs_drop::<K>() {
                    spent_keys.push(key);
                }
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
        drop_undone(self.replaced.give_up(self.boundaries.needed_by_none()));
    }

    /// Whether a snapshot is being taken, which may need the keys of vacant slots.
    pub(super) fn is_copied(&self) -> bool {
        self.boundaries.are_copied()
    }
}

impl<K, V> Core<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Looks at the row of a key, under a lock.
    pub(in crate::table) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.index.read(|index| {
            let (key, slot) = index.get(key)?;
            index.value(slot).map(|value| look(key, value))
        })
    }

    /// A page of rows from the front of a range, or from its back: some of them, unless there are
    /// none.
    pub(in crate::table) fn page<Q>(
        &self,
        bounds: (Bound<&Q>, Bound<&Q>),
        limit: usize,
        from_back: bool,
    ) -> DropRows<K, V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut page = DropRows::with_capacity(limit.min(PAGE));
        self.index.read(|index| {
            let range = index.range(bounds).filter_map(|(key, _, value)| Some((key, value?)));
            let push = |(key, value): (&K, &V)| page.push_clone(key, value);
            if from_back {
                range.rev().take(limit).for_each(push);
            } else {
                range.take(limit).for_each(push);
            }
        });
        page
    }
}

fn drop_undone<V>(undone: Vec<Arc<Undo<V>>>) {
    undone.into_iter().filter_map(Arc::into_inner).for_each(|undo| drop_quietly(undo.before));
}

impl<K, V> AnyCore for Core<K, V>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn anew(&self, boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore> {
        Arc::new(Self::new(Arc::clone(boundaries)))
    }

    fn row_count(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    fn give_up_replaced(&self) {
        self.drop_unneeded();
    }

    fn forget_ahead(&self) {
        if let Some(late) = &self.late {
            drop(late.ahead.write(|ahead| std::mem::replace(ahead, Ahead::new())));
            // The keys that are to be taken out stay: the owner does that.
            let (spent, spent_keys) = late
                .returned
                .with(|left| (std::mem::take(&mut left.spent), std::mem::take(&mut left.spent_keys)));
            spent.into_iter().for_each(drop_quietly);
            spent_keys.into_iter().for_each(drop_quietly);
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

impl<K, V> Drop for Core<K, V> {
    fn drop(&mut self) {
        drop_undone(self.replaced.take());
        // A supervisor or a user drops the last reader, and expects no panic of the rows there.
        let (keys, values) = self.index.get_mut().drain();
        keys.for_each(drop_quietly);
        values.for_each(drop_quietly);
    }
}
