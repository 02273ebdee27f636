//! The one who writes to a hash table: its write set, over the committed rows.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::{Core, RowUndo, Undo};
use super::kind::Kind;
use super::shards::{Place, Row, Rows, spread};
use super::write_set::{Entry, WriteSet};
use crate::table::boundary::Passing;

/// The right to write to a table, with what the message under way has written.
pub(in crate::table) struct Owner<K, D: Kind> {
    pub(in crate::table) core: Arc<Core<K, D>>,
    pub(super) writes: WriteSet<K, D>,
    /// What the last commit has replaced.
    spent: Vec<Undo<K, D>>,
    /// Its number among the owners of these rows. The newest may write.
    number: u64,
}

/// What a key has for its owner.
pub(in crate::table) enum Seen<T> {
    /// This entry of the write set.
    Written(usize),
    /// What the committed row was made into.
    Committed(Place, T),
    /// Nothing: a row would be put here.
    Absent(Place),
}

impl<K, D> Owner<K, D>
where
    K: Hash + Eq + Clone,
    D: Kind,
{
    /// The owner that may write from now on: no owner before it may.
    pub(in crate::table) fn new(core: Arc<Core<K, D>>) -> Self {
        let number = core.owner.fetch_add(1, Ordering::Relaxed) + 1;
        Self { core, writes: WriteSet::new(), spent: Vec::new(), number }
    }

    /// Whether it may write.
    pub(in crate::table) fn is_current(&self) -> bool {
        self.core.owner.load(Ordering::Relaxed) == self.number
    }

    #[inline]
    fn check(&self) {
        assert!(
            self.is_current(),
            "this table was taken out of its worker: it can be read, and written to no more"
        );
    }

    /// What there is of a key: a committed row is shown to `look`, under a lock.
    #[inline]
    pub(in crate::table) fn see<Q, T>(&self, key: &Q, look: impl FnOnce(&K, &D::Value) -> T) -> Seen<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.core.hash(key);
        if let Some(at) = self.written_at(hash, key) {
            return Seen::Written(at);
        }
        if self.writes.is_cleared {
            return Seen::Absent(self.free(hash, None));
        }
        self.core.find(hash, key, |row, rows| match row {
            Some(row) => Seen::Committed(row.place, look(&row.key, &row.value)),
            None => Seen::Absent(self.free(hash, Some(rows))),
        })
    }

    /// The entry of the write set for a key, if there is one.
    #[inline]
    pub(in crate::table) fn written_at<Q>(&self, hash: u32, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.writes.find(hash, |known| *known.borrow() == *key)
    }

    /// A place that no row of this hash has, neither among `rows` nor in the write set.
    #[inline]
    fn free(&self, hash: u32, rows: Option<&Rows<K, D::Value>>) -> Place {
        let mut numbers = Vec::new();
        for row in rows.into_iter().flat_map(|rows| rows.iter_hash(spread(hash))) {
            if row.place.hash == hash {
                numbers.push(row.place.nth);
            }
        }
        self.writes.numbers(hash, &mut numbers);
        numbers.sort_unstable();
        numbers.dedup();
        let taken = numbers.iter().zip(0..).take_while(|(number, nth)| *number == nth).count();
        Place { hash, nth: taken.try_into().expect("fewer rows of one hash than there are numbers") }
    }

    /// What the write set has for a row.
    #[inline]
    pub(in crate::table) fn written(&self, at: usize) -> &D::Change {
        &self.writes.entries[at].change
    }

    /// What the write set has for a row, to be changed in place by values of the same number.
    pub(in crate::table) fn written_mut(&mut self, at: usize) -> &mut D::Change {
        self.check();
        &mut self.writes.entries[at].change
    }

    /// Writes to a row that the write set has an entry of. `more`: how many values there are more.
    #[inline]
    pub(in crate::table) fn rewrite<R>(
        &mut self,
        at: usize,
        work: impl FnOnce(&mut D::Change) -> (R, isize, isize),
    ) -> R {
        self.check();
        let change = &mut self.writes.entries[at].change;
        let (answer, more, more_rows) = work(change);
        self.writes.more += more;
        self.writes.more_rows += more_rows;
        answer
    }

    /// What the message has written so far, row by row, in the order in which it first wrote to
    /// them; and whether it has removed everything before.
    pub(in crate::table) fn changes(&self) -> (bool, impl Iterator<Item = (&K, &D::Change)>) {
        let changes = self.writes.entries.iter().map(|entry| (&entry.key, &entry.change));
        (self.writes.is_cleared, changes)
    }

    /// The key of an entry of the write set.
    pub(in crate::table) fn written_key(&self, at: usize) -> &K {
        &self.writes.entries[at].key
    }

    /// Writes to a row of which the write set has no entry. Returns where the entry is.
    #[inline]
    pub(in crate::table) fn write(
        &mut self,
        place: Place,
        key: K,
        change: D::Change,
        (more, more_rows): (isize, isize),
    ) -> usize {
        self.check();
        self.writes.more += more;
        self.writes.more_rows += more_rows;
        self.writes.push(place, key, change)
    }

    /// Whether nothing is left of the rows that were there before the message under way.
    pub(in crate::table) fn is_cleared(&self) -> bool {
        self.writes.is_cleared
    }

    /// Removes all rows.
    pub(in crate::table) fn clear(&mut self) {
        self.check();
        if self.rows() > 0 {
            self.writes.clear();
        }
    }

    /// How many values there are.
    pub(in crate::table) fn len(&self) -> usize {
        let before = if self.writes.is_cleared { 0 } else { self.core.len() };
        before.saturating_add_signed(self.writes.more)
    }

    /// How many rows there are.
    pub(in crate::table) fn rows(&self) -> usize {
        let before = if self.writes.is_cleared { 0 } else { self.core.rows() };
        before.saturating_add_signed(self.writes.more_rows)
    }

    /// The number of the next value of a list.
    pub(in crate::table) fn next_value(&self) -> u64 {
        // There is one writer.
        let next = self.core.next_value.load(Ordering::Relaxed);
        self.core.next_value.store(next + 1, Ordering::Relaxed);
        next
    }

    /// Shows a page of committed rows that the message has not written to, as
    /// [`Shards::page`](super::shards::Shards::page) does, under a lock; then, with no lock, the
    /// entries of the write set that belong to the page.
    pub(in crate::table) fn merge_page(
        &self,
        from: u32,
        limit: usize,
        mut look: impl FnMut(&Row<K, D::Value>),
    ) -> (Option<u32>, &[usize]) {
        let next = if self.writes.is_cleared {
            None
        } else {
            self.core.shards.page(from, limit, |row| {
                if !self.writes.has(row.place) {
                    look(row);
                }
            })
        };
        (next, self.writes.between(from, next))
    }

    /// Whether the message under way has written anything.
    #[inline]
    pub(in crate::table) fn is_dirty(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Nothing has to be made ready: a write has found the place of its row.
    #[expect(clippy::unused_self, reason = "it is what the owner of another kind of table does")]
    pub(in crate::table) fn prepare(&mut self) {}

    /// Drops what the message under way has written.
    pub(in crate::table) fn discard(&mut self) {
        self.writes.drop_entries();
    }

    /// Makes what the message has written visible. Only moves.
    #[inline]
    pub(in crate::table) fn apply(&mut self, passing: &Passing<'_>) {
        let Self { core, writes, spent, .. } = self;
        make_visible(core, writes, spent, passing);
    }

    /// The same, as a commit of its own.
    #[inline]
    pub(in crate::table) fn commit_alone(&mut self) {
        let Self { core, writes, spent, .. } = self;
        let passing = core.boundaries.pass();
        make_visible(core, writes, spent, &passing);
        passing.finish();
    }

    /// Drops what the last commit has replaced.
    #[inline]
    pub(in crate::table) fn sweep(&mut self) {
        if !self.spent.is_empty() {
            self.drop_spent();
        }
    }

    fn drop_spent(&mut self) {
        self.spent.drain(..).for_each(Undo::drop_values);
        self.spent.shrink_to(64);
    }

    /// Exchanges all rows for those of another table.
    pub(in crate::table) fn exchange(&mut self, other: &mut Self, passing: &mut Passing<'_>) {
        self.core.exchange(&other.core, passing);
    }
}

/// Makes writes visible, and keeps what they replace for snapshots or to be dropped.
#[inline]
fn make_visible<K, D: Kind>(
    core: &Core<K, D>,
    writes: &mut WriteSet<K, D>,
    spent: &mut Vec<Undo<K, D>>,
    passing: &Passing<'_>,
) {
    let keeps = passing.keeps();
    let mut put_aside = |undo| {
        if keeps {
            core.keep(passing.number(), undo);
        } else {
            spent.push(undo);
        }
    };
    if writes.is_cleared {
        put_aside(core.clear());
    }
    for Entry { place, key, change } in writes.entries.drain(..) {
        let undo = core.apply(place, key, change);
        if keeps || std::mem::needs_drop::<RowUndo<K, D>>() {
            put_aside(Undo::Row(undo));
        }
    }
    writes.reset();
}

impl<K, D: Kind> Drop for Owner<K, D> {
    fn drop(&mut self) {
        self.spent.drain(..).for_each(Undo::drop_values);
    }
}
