//! The one who writes to a hash table: its write set, over the committed rows.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::ahead::{Ahead, Found, Outdated};
use super::core::{Core, Undo};
use super::entries::Entry;
use super::kind::Kind;
use super::shards::{Place, Row, Rows, add_numbers, first_free, spread};
use super::write_set::WriteSet;
use crate::table::any::{AHEAD, AnyCore, AnyOwner, OTHER, downcast, downcast_owner};
use crate::table::boundary::{Boundaries, Passing, PreparedTable};
use crate::table::drops::{Quiet, drop_quietly};
use crate::table::lock::RowLock;

/// The right to write to a table, with what the message under way has written.
pub(in crate::table) struct Owner<K, D: Kind> {
    pub(in crate::table) core: Arc<Core<K, D>>,
    pub(super) writes: WriteSet<K, D>,
    /// What the last commit has replaced.
    spent: Vec<Undo<K, D>>,
    /// Only if a journal shows the commits.
    late: Option<Box<LateOwner<K, D>>>,
    /// Its number among the owners of these rows. The newest may write.
    number: u64,
}

/// What an owner has beside, whose commits are shown later.
struct LateOwner<K, D: Kind> {
    /// What is to lie over the rows, once the commit that is being prepared is.
    copies: Copies<K, D>,
    /// What lies over them no more.
    outdated: Vec<Outdated<K, D>>,
}

/// Copies of changes, which are dropped one by one, each caught.
struct Copies<K, D: Kind>(Vec<Entry<K, D::Change>>);

impl<K, D: Kind> Drop for Copies<K, D> {
    fn drop(&mut self) {
        for Entry { key, content, .. } in self.0.drain(..) {
            drop_quietly(key);
            D::drop_change(content);
        }
    }
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
    D: Kind<Change: Clone> + 'static,
{
    /// The owner that may write from now on: no owner before it may.
    pub(in crate::table) fn new(core: Arc<Core<K, D>>) -> Self {
        let number = core.owner.fetch_add(1, Ordering::Relaxed) + 1;
        let late = || Box::new(LateOwner { copies: Copies(Vec::new()), outdated: Vec::new() });
        let late = core.late.as_ref().map(|_| late());
        Self { core, writes: WriteSet::new(), spent: Vec::new(), late, number }
    }

    /// Whether it may write.
    pub(in crate::table) fn is_current(&self) -> bool {
        self.core.owner.load(Ordering::Relaxed) == self.number
    }

    /// What lies over the committed rows, if a journal shows the commits.
    #[inline]
    fn ahead(&self) -> Option<&RowLock<Ahead<K, D>>> {
        self.core.late.as_ref().map(|late| &late.ahead)
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
    pub(in crate::table) fn see<Q, T>(&self, key: &Q, look: impl FnOnce(&K, D::View<'_>) -> T) -> Seen<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.core.hash(key);
        if let Some(at) = self.written_at(hash, key) {
            return Seen::Written(at);
        }
        if self.writes.is_cleared {
            return Seen::Absent(self.free(hash, None, None));
        }
        match self.ahead() {
            None => self.see_shown(hash, key, None, look),
            Some(ahead) => ahead.read(|ahead| self.see_ahead(hash, key, ahead, look)),
        }
    }

    /// Looks at a row as of the last commit, under a lock.
    #[inline]
    pub(in crate::table) fn committed<Q, T>(
        &self,
        hash: u32,
        key: &Q,
        look: impl FnOnce(&K, D::View<'_>) -> T,
    ) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.writes.is_cleared {
            return None;
        }
        match self.ahead() {
            None => {
                let look = |row: &Row<K, D::Value>| look(&row.key, D::view(&row.value));
                self.core.find(hash, key, |row, _| row.map(look))
            }
            Some(ahead) => match ahead.read(|ahead| self.see_ahead(hash, key, ahead, look)) {
                Seen::Committed(_, found) => Some(found),
                Seen::Written(_) | Seen::Absent(_) => None,
            },
        }
    }

    #[inline]
    fn see_shown<Q, T>(
        &self,
        hash: u32,
        key: &Q,
        ahead: Option<&Ahead<K, D>>,
        look: impl FnOnce(&K, D::View<'_>) -> T,
    ) -> Seen<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.core.find(hash, key, |row, rows| match row {
            Some(row) => Seen::Committed(row.place, look(&row.key, D::view(&row.value))),
            None => Seen::Absent(self.free(hash, Some(rows), ahead)),
        })
    }

    /// Looks at the commits that are not shown yet before the rows that are.
    #[cold]
    fn see_ahead<Q, T>(
        &self,
        hash: u32,
        key: &Q,
        ahead: &Ahead<K, D>,
        look: impl FnOnce(&K, D::View<'_>) -> T,
    ) -> Seen<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match ahead.find(hash, |known| *known.borrow() == *key) {
            Some(Found { place, key, content }) => self.core.shards.read(hash, |rows| {
                let shown = rows.find(spread(hash), |row| row.place == place && !ahead.hides_all());
                match D::view_under(shown.map(|row| &row.value), content) {
                    Some(view) => Seen::Committed(place, look(key, view)),
                    None => Seen::Absent(place),
                }
            }),
            None if ahead.hides_all() => Seen::Absent(self.free(hash, None, Some(ahead))),
            // A closure of its own: that of the way without a journal is made a part of it.
            None => self.see_shown(hash, key, Some(ahead), |key, view| look(key, view)),
        }
    }

    /// The entry of the write set for a key, if there is one.
    #[inline]
    pub(in crate::table) fn written_at<Q>(&self, hash: u32, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.writes.entries.find(hash, |known| *known.borrow() == *key)
    }

    /// A place that no row of this hash has, neither among `rows`, nor ahead of them, nor in the write
    /// set.
    #[inline]
    fn free(&self, hash: u32, rows: Option<&Rows<K, D::Value>>, ahead: Option<&Ahead<K, D>>) -> Place {
        let mut numbers = Vec::new();
        if let Some(rows) = rows {
            add_numbers(hash, rows, &mut numbers);
        }
        if let Some(ahead) = ahead {
            ahead.numbers(hash, &mut numbers);
        }
        self.writes.entries.numbers(hash, &mut numbers);
        first_free(hash, &mut numbers)
    }

    /// What the write set has for a row.
    #[inline]
    pub(in crate::table) fn written(&self, at: usize) -> &D::Change {
        &self.writes.entries.at(at).content
    }

    /// What the write set has for a row, to be changed in place by values of the same number.
    pub(in crate::table) fn written_mut(&mut self, at: usize) -> &mut D::Change {
        self.check();
        self.writes.entries.content_mut(at)
    }

    /// Writes to a row that the write set has an entry of. `more`: how many values there are more.
    #[inline]
    pub(in crate::table) fn rewrite<R>(
        &mut self,
        at: usize,
        work: impl FnOnce(&mut D::Change) -> (R, isize, isize),
    ) -> R {
        self.check();
        let change = self.writes.entries.content_mut(at);
        let (answer, more, more_rows) = work(change);
        self.writes.more += more;
        self.writes.more_rows += more_rows;
        answer
    }

    /// What the message has written so far, row by row, in the order in which it first wrote to
    /// them; and whether it has removed everything before.
    pub(in crate::table) fn changes(&self) -> (bool, impl Iterator<Item = (&K, &D::Change)>) {
        let changes = self.writes.entries.iter().map(|entry| (&entry.key, &entry.content));
        (self.writes.is_cleared, changes)
    }

    /// The key of an entry of the write set.
    pub(in crate::table) fn written_key(&self, at: usize) -> &K {
        &self.writes.entries.at(at).key
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
        self.writes.entries.push(place, key, change)
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
        self.counts_before().0.saturating_add_signed(self.writes.more)
    }

    /// How many rows there are.
    pub(in crate::table) fn rows(&self) -> usize {
        self.counts_before().1.saturating_add_signed(self.writes.more_rows)
    }

    /// How many values and rows there are of those before the message under way.
    fn counts_before(&self) -> (usize, usize) {
        if self.writes.is_cleared {
            return (0, 0);
        }
        let ahead = self.ahead().and_then(|ahead| ahead.read(Ahead::len));
        ahead.unwrap_or_else(|| (self.core.len(), self.core.rows()))
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
        mut look: impl FnMut(&K, D::View<'_>),
    ) -> (Option<u32>, &[usize]) {
        let is_written = |place| self.writes.entries.over(place).is_some();
        let next = match self.ahead() {
            _ if self.writes.is_cleared => None,
            None => self.core.shards.page(from, limit, |row| {
                if !is_written(row.place) {
                    look(&row.key, D::view(&row.value));
                }
            }),
            Some(ahead) => ahead.read(|ahead| self.page_ahead(from, limit, ahead, is_written, look)),
        };
        (next, self.writes.entries.between(from, next))
    }

    /// Shows a page of rows as the commits leave them that are not shown yet.
    fn page_ahead(
        &self,
        from: u32,
        limit: usize,
        ahead: &Ahead<K, D>,
        is_written: impl Fn(Place) -> bool,
        mut look: impl FnMut(&K, D::View<'_>),
    ) -> Option<u32> {
        let mut seen = HashSet::new();
        let mut show = |key: &K, view: Option<D::View<'_>>| view.into_iter().for_each(|view| look(key, view));
        let next = if ahead.hides_all() {
            None
        } else {
            self.core.shards.page(from, limit, |row| match ahead.over(row.place) {
                _ if is_written(row.place) => {}
                None => show(&row.key, Some(D::view(&row.value))),
                Some(Found { place, key, content }) => {
                    seen.insert(place);
                    show(key, D::view_under(Some(&row.value), content));
                }
            })
        };
        for Found { place, key, content } in ahead.between(from, next) {
            if !is_written(place) && !seen.contains(&place) {
                show(key, D::view_under(None, content));
            }
        }
        next
    }

    /// Copies what the owner is to see of the message.
    #[cold]
    fn copy_ahead(&mut self) {
        let mut copies = Copies::<K, D>(Vec::new());
        for Entry { place, key, content } in self.writes.entries.iter() {
            let key = Quiet::new(key.clone());
            let content = content.clone();
            copies.0.push(Entry { place: *place, key: key.into_inner(), content });
        }
        if let Some(late) = &mut self.late {
            late.copies = copies;
        }
    }

    /// Takes off what has been shown of what lies over the rows, and drops what that has replaced.
    #[cold]
    fn take_off(&mut self) {
        let Self { core, late, spent, .. } = self;
        if let (Some(own), Some(late)) = (late, &core.late) {
            let shown = core.boundaries.last();
            late.ahead.write(|ahead| ahead.take_off(shown, &mut own.outdated));
            own.outdated.drain(..).for_each(Outdated::drop_values);
            spent.extend(late.returned.take());
        }
    }

    #[inline(never)]
    fn drop_spent(&mut self) {
        self.spent.drain(..).for_each(Undo::drop_values);
        self.spent.shrink_to(64);
    }
}

impl<K, D> AnyOwner for Owner<K, D>
where
    K: Hash + Eq + Clone + 'static,
    D: Kind<Change: Clone> + 'static,
    Core<K, D>: AnyCore,
    HandedOver<K, D>: PreparedTable,
{
    fn core(&self) -> Arc<dyn AnyCore> {
        Arc::<Core<K, D>>::clone(&self.core)
    }

    fn boundaries(&self) -> &Arc<Boundaries> {
        &self.core.boundaries
    }

    #[inline]
    fn may_write(&self) -> bool {
        self.is_current()
    }

    #[inline]
    fn is_of(&self, core: &Arc<dyn AnyCore>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.core), Arc::as_ptr(core)) && self.is_current()
    }

    fn reopen(&mut self, core: Arc<dyn AnyCore>) {
        *self = Self::new(downcast(core).expect(OTHER));
    }

    #[inline]
    fn is_dirty(&self) -> bool {
        !self.writes.is_empty()
    }

    #[inline]
    fn prepare(&mut self) {
        if self.late.is_some() {
            self.copy_ahead();
        }
    }

    fn hand_over(&mut self, commit: u64) -> Box<dyn PreparedTable> {
        let len = (self.len(), self.rows());
        let Self { core, writes, late, .. } = self;
        let clears = writes.is_cleared;
        if let (Some(LateOwner { copies, outdated }), Some(late)) = (late.as_deref_mut(), &core.late) {
            let (copies, shown) = (std::mem::take(&mut copies.0), core.boundaries.last());
            late.ahead.write(|ahead| ahead.add(commit, shown, clears, copies, len, outdated));
        }
        let entries = Copies(writes.entries.take());
        writes.reset();
        Box::new(HandedOver { core: Arc::downgrade(core), clears, entries })
    }

    #[inline]
    fn apply(&mut self, passing: &Passing<'_>) {
        let Self { core, writes, spent, .. } = self;
        core.show(writes.is_cleared, writes.entries.drain(), passing, spent);
        writes.reset();
    }

    #[expect(clippy::inline_always, reason = "a write takes 12 of 470 instructions less")]
    #[inline(always)]
    fn commit_alone(&mut self) {
        let Self { core, writes, spent, .. } = self;
        let passing = core.boundaries.pass();
        core.show(writes.is_cleared, writes.entries.drain(), &passing, spent);
        passing.finish();
        writes.reset();
    }

    #[inline]
    fn sweep(&mut self) {
        if self.late.is_some() {
            self.take_off();
        }
        if !self.spent.is_empty() {
            self.drop_spent();
        }
        self.core.give_up_kept();
    }

    fn discard(&mut self) {
        self.writes.drop_entries();
        if let Some(late) = &mut self.late {
            drop(std::mem::replace(&mut late.copies, Copies(Vec::new())));
            self.sweep();
        }
    }

    fn exchange(&mut self, other: &mut dyn AnyOwner, passing: &mut Passing<'_>) {
        let other: &mut Self = downcast_owner(other).expect(OTHER);
        let is_shown = |owner: &Self| owner.ahead().is_none_or(|ahead| ahead.read(Ahead::is_empty));
        assert!(is_shown(self) && is_shown(other), "{AHEAD}");
        self.core.exchange(&other.core, passing);
    }

    fn swap(&mut self, other: &mut dyn AnyOwner) {
        std::mem::swap(self, downcast_owner(other).expect(OTHER));
    }
}

/// A commit of a hash table that is to be shown later.
pub(in crate::table) struct HandedOver<K, D: Kind> {
    // The rows lead to the commits that are to be shown: a commit that is never shown is no reason to
    // keep them.
    core: Weak<Core<K, D>>,
    clears: bool,
    entries: Copies<K, D>,
}

impl<K, D> PreparedTable for HandedOver<K, D>
where
    K: Send + Sync + 'static,
    D: Kind<Value: Send + Sync, Change: Send + Sync, Before: Send + Sync, Ahead: Send + Sync> + 'static,
{
    fn show(&mut self, passing: &Passing<'_>) {
        let Some(core) = self.core.upgrade() else { return };
        let mut replaced = Vec::new();
        core.show(self.clears, self.entries.0.drain(..), passing, &mut replaced);
        if let Some(late) = &core.late {
            late.returned.with(|returned| returned.append(&mut replaced));
        }
    }

    fn forget(self: Box<Self>) {}
}

impl<K, D: Kind> Drop for Owner<K, D> {
    fn drop(&mut self) {
        self.spent.drain(..).for_each(Undo::drop_values);
    }
}

impl<K, D: Kind> Drop for LateOwner<K, D> {
    fn drop(&mut self) {
        self.outdated.drain(..).for_each(Outdated::drop_values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::boundary::Boundaries;
    use crate::table::hashed::many::List;
    use crate::table::hashed::{Many, One};

    /// What a table with one row weighs, and its write set; `benches` counts it.
    fn weight<K, D: Kind>() -> usize {
        // A hash table begins with room for four rows, and a tag for each and for sixteen more.
        let rows = 4 * (size_of::<Row<K, D::Value>>() + 1) + 16;
        let shared = size_of::<Core<K, D>>() + size_of::<Boundaries>();
        size_of::<Owner<K, D>>() + shared + rows + size_of::<Entry<K, D>>()
    }

    #[test]
    fn a_table_with_one_row_weighs_less_than_a_kilobyte() {
        assert!(weight::<u64, One<u64>>() < 800);
        assert!(weight::<String, One<u64>>() < 900);
        assert!(weight::<String, Many<u64>>() + size_of_val(&List(vec![(0_u64, 0_u64)]).0[..]) < 1024);
    }

    #[test]
    fn what_a_commit_has_kept_for_a_snapshot_that_ended_meanwhile_is_dropped_by_the_owner() {
        let boundaries = Boundaries::new();
        let core = Core::<u8, One<Arc<()>>>::new(Arc::clone(&boundaries));
        let (mut owner, value) = (Owner::new(Arc::new(core)), Arc::new(()));
        let place = Place { hash: owner.core.hash(&1), nth: 0 };
        owner.write(place, 1, Some(Arc::clone(&value)), (1, 1));
        owner.prepare();
        owner.commit_alone();
        owner.write(place, 1, None, (-1, -1));
        owner.prepare();
        let taking = boundaries.snapshot();
        let passing = boundaries.pass();
        drop(taking);
        owner.core.give_up_replaced();
        owner.apply(&passing);
        passing.finish();
        owner.sweep();
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
