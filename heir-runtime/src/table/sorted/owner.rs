//! The one who writes to an ordered table: its write set, over the committed rows.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::ahead::{Ahead, Outdated};
use super::core::Core;
use super::index::Slot;
use super::write_set::{LeftOver, Write, drop_writes};
use crate::table::any::{AHEAD, AnyCore, AnyOwner, OTHER, downcast, downcast_owner};
use crate::table::boundary::{Boundaries, Passing, PreparedTable};
use crate::table::drops::{DropRows, Quiet, drop_quietly};
use crate::table::lock::RowLock;
use crate::table::rows::PAGE;

/// The right to write to a table, with what the message under way has written.
pub(in crate::table) struct Owner<K, V> {
    pub(in crate::table) core: Arc<Core<K, V>>,
    /// Whether nothing is left of the rows that were there before the message.
    is_cleared: bool,
    writes: BTreeMap<K, Write<V>>,
    /// How many more rows there are than before the message, or than none if it is cleared.
    more: isize,
    /// What commits have left to do.
    left: LeftOver<K, V>,
    /// Only if a journal shows the commits.
    late: Option<Box<LateOwner<K, V>>>,
    /// Its number among the owners of these rows. The newest may write.
    number: u64,
}

/// What an owner has beside, whose commits are shown later.
struct LateOwner<K, V> {
    /// Whether it is worth looking for vacated slots whose keys can be taken out.
    takes_out: bool,
    /// What is to lie over the rows, by slots, once the commit that is being prepared is.
    copies: DropRows<Slot, Option<V>>,
    /// What lies over them no more.
    outdated: Vec<Outdated<K, V>>,
}

/// What a key has for its owner.
pub(in crate::table) enum Seen<'a, V, T> {
    /// What the message has written to it: a value, or that it is removed.
    Written(Option<&'a V>),
    /// What the committed row was made into.
    Committed(T),
    /// Nothing.
    Absent,
}

impl<K, V> Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The owner that may write from now on: no owner before it may.
    pub(in crate::table) fn new(core: Arc<Core<K, V>>) -> Self {
        let number = core.owner.fetch_add(1, Ordering::Relaxed) + 1;
        let none = || DropRows::with_capacity(0);
        let late = || Box::new(LateOwner { takes_out: true, copies: none(), outdated: Vec::new() });
        let late = core.late.as_ref().map(|_| late());
        let mut left = LeftOver::default();
        // An owner before this one may have left some.
        left.sweeps_all = number > 1;
        Self { core, is_cleared: false, writes: BTreeMap::new(), more: 0, left, late, number }
    }

    /// Whether it may write.
    pub(in crate::table) fn is_current(&self) -> bool {
        self.core.owner.load(Ordering::Relaxed) == self.number
    }

    /// What lies over the committed rows, if a journal shows the commits.
    fn ahead(&self) -> Option<&RowLock<Ahead<K, V>>> {
        self.core.late.as_ref().map(|late| &late.ahead)
    }

    fn check(&self) {
        assert!(
            self.is_current(),
            "this table was taken out of its worker: it can be read, and written to no more"
        );
    }

    /// What there is of a key: a committed row is shown to `look`, under a lock.
    pub(in crate::table) fn see<Q, T>(&self, key: &Q, look: impl FnOnce(&K, &V) -> T) -> Seen<'_, V, T>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.writes.get(key) {
            Some(write) => Seen::Written(write.value.as_ref()),
            None => self.committed(key, look).map_or(Seen::Absent, Seen::Committed),
        }
    }

    /// Looks at a row, whoever has written it.
    pub(in crate::table) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.writes.get_key_value(key) {
            Some((key, write)) => write.value.as_ref().map(|value| look(key, value)),
            None => self.committed(key, look),
        }
    }

    fn committed<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.ahead() {
            _ if self.is_cleared => None,
            None => self.core.look(key, look),
            Some(ahead) => ahead.read(|ahead| match ahead.get(key) {
                Some((key, value)) => value.map(|value| look(key, value)),
                None if ahead.hides_all() => None,
                None => self.core.look(key, look),
            }),
        }
    }

    /// Puts a row, or removes it. Returns the value that the message had written to it before.
    pub(in crate::table) fn write(&mut self, key: K, value: Option<V>, more: isize) -> Option<V> {
        self.check();
        let before = if let Some(write) = self.writes.get_mut(&key) {
            std::mem::replace(&mut write.value, value)
        } else {
            self.writes.insert(key, Write { value, slot: None, was_vacant: false });
            None
        };
        self.more += more;
        before
    }

    /// The value that the message has put into a row.
    pub(in crate::table) fn written_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.writes.get_mut(key)?.value.as_mut()
    }

    /// Removes all rows.
    pub(in crate::table) fn clear(&mut self) {
        self.check();
        if self.len() > 0 {
            self.discard();
            self.is_cleared = true;
        }
    }

    pub(in crate::table) fn len(&self) -> usize {
        let ahead = || self.ahead()?.read(Ahead::len);
        let before = if self.is_cleared { 0 } else { ahead().unwrap_or_else(|| self.core.len()) };
        before.saturating_add_signed(self.more)
    }

    /// A page of rows from the front of a range, or from its back: some of them, unless there are
    /// none. The writes of the message are merged in.
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
        let written = self.writes.range::<Q, _>(bounds).map(|(key, write)| (key, write.value.as_ref()));
        let mut hidden = Hidden::with_capacity(0);
        merge(written, bounds, limit, from_back, &mut hidden, |bounds, limit| match self.ahead() {
            _ if self.is_cleared => DropRows::with_capacity(0),
            None => self.core.page(bounds, limit, from_back),
            Some(ahead) => {
                // It is dropped when the lock is free.
                let mut hidden = Hidden::with_capacity(0);
                ahead.read(|ahead| {
                    merge(ahead.range(bounds), bounds, limit, from_back, &mut hidden, |bounds, limit| {
                        let limit = if ahead.hides_all() { 0 } else { limit };
                        self.core.page(bounds, limit, from_back)
                    })
                })
            }
        })
    }

    /// What the message has written so far, in the order of keys; and whether it has removed
    /// everything before.
    pub(in crate::table) fn changes(&self) -> (bool, impl Iterator<Item = (&K, Option<&V>)>) {
        (self.is_cleared, self.writes.iter().map(|(key, write)| (key, write.value.as_ref())))
    }

    /// Copies what the owner is to see of the message, if a journal shows it to others later.
    fn copy_ahead(&mut self) {
        let Self { core, writes, late, .. } = self;
        let (Some(own), Some(late)) = (late, &core.late) else { return };
        let mut copies = DropRows::with_capacity(writes.len());
        for (key, write) in writes {
            // A key that is there already would be dropped under the lock, and not caught.
            let slot = late.ahead.read(|ahead| ahead.slot(key)).unwrap_or_else(|| {
                let own = Quiet::new(key.clone());
                late.ahead.write_in_order(|ahead| ahead.insert(own.into_inner()))
            });
            copies.push_clone(&slot, &write.value);
        }
        own.copies = copies;
    }

    fn take_out_vacated(&mut self) {
        if self.left.sweeps_all {
            let mut after: Option<Quiet<K>> = None;
            loop {
                let page: Vec<_> = self.core.index.read(|index| {
                    let after = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.get()));
                    let page = index.range::<K>((after, Bound::Unbounded)).take(PAGE);
                    page.map(|(key, _, value)| (Quiet::new(key.clone()), value.is_none())).collect()
                });
                let Some((last, _)) = page.last() else { break };
                after = Some(Quiet::new(last.get().clone()));
                self.left.vacated.extend(
                    page.into_iter().filter(|(_, is_vacant)| *is_vacant).map(|(key, _)| key.into_inner()),
                );
            }
            // Not before: the `Clone` of a key may have panicked.
            self.left.sweeps_all = false;
        }
        // Keys of slots that a commit which is not shown yet will fill.
        let mut to_be_filled = 0;
        while let Some(key) = self.left.vacated[to_be_filled..].last() {
            if self.ahead().is_some_and(|ahead| ahead.read(|ahead| ahead.has(key))) {
                let last = self.left.vacated.len() - 1;
                self.left.vacated.swap(to_be_filled, last);
                to_be_filled += 1;
                continue;
            }
            if let Some(write) = self.writes.get_mut(key) {
                // If the preparation panics, `discard` gives it back.
                write.was_vacant = true;
            } else {
                let taken = self.core.index.write_in_order(|index| index.take_out(key));
                drop_quietly(taken);
            }
            drop_quietly(self.left.vacated.pop());
        }
    }

    /// Takes off what has been shown of what lies over the rows, and drops what that has replaced.
    fn take_off(&mut self) {
        let Self { core, late, left, .. } = self;
        if let (Some(own), Some(late)) = (late, &core.late) {
            let shown = core.boundaries.last();
            own.takes_out |= late.ahead.write(|ahead| ahead.take_off(shown, &mut own.outdated));
            own.outdated.drain(..).for_each(Outdated::drop_values);
            left.add(late.returned.take());
        }
    }
}

impl<K, V> AnyOwner for Owner<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn core(&self) -> Arc<dyn AnyCore> {
        Arc::<Core<K, V>>::clone(&self.core)
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

    fn is_dirty(&self) -> bool {
        !self.writes.is_empty() || self.is_cleared
    }

    fn prepare(&mut self) {
        // A snapshot may need the key of a slot that has been vacated since; and a commit may be ahead
        // that is to fill it.
        if self.late.as_ref().is_none_or(|late| late.takes_out) && !self.core.is_copied() {
            self.take_out_vacated();
            if let Some(late) = &mut self.late {
                late.takes_out = false;
            }
        }
        let Self { core, writes, .. } = self;
        for (key, write) in writes.iter_mut().filter(|(_, write)| write.slot.is_none()) {
            let known =
                core.index.read(|index| index.get(key).map(|(_, slot)| (slot, index.value(slot).is_none())));
            if let Some((slot, was_vacant)) = known {
                (write.slot, write.was_vacant) = (Some(slot), was_vacant);
            } else if write.value.is_some() {
                let own = Quiet::new(key.clone());
                let slot = core.index.write_in_order(|index| index.insert(own.into_inner()));
                (write.slot, write.was_vacant) = (Some(slot), true);
            }
        }
        self.copy_ahead();
    }

    fn hand_over(&mut self, commit: u64) -> Box<dyn PreparedTable> {
        let len = self.len();
        let Self { core, writes, late, .. } = self;
        let clears = std::mem::take(&mut self.is_cleared);
        if let (Some(own), Some(late)) = (late, &core.late) {
            let copies = std::mem::take(&mut own.copies.0);
            late.ahead.write(|ahead| ahead.add(commit, clears, copies, len, &mut own.outdated));
        }
        self.more = 0;
        Box::new(HandedOver { core: Arc::downgrade(core), clears, writes: std::mem::take(writes) })
    }

    fn apply(&mut self, passing: &Passing<'_>) {
        let clears = std::mem::take(&mut self.is_cleared);
        self.core.show(clears, std::mem::take(&mut self.writes), passing, &mut self.left);
        self.more = 0;
    }

    fn commit_alone(&mut self) {
        let core = Arc::clone(&self.core);
        let passing = core.boundaries.pass();
        self.apply(&passing);
        passing.finish();
    }

    fn sweep(&mut self) {
        self.take_off();
        self.left.drop_spent();
        self.core.give_up_kept();
    }

    fn discard(&mut self) {
        self.is_cleared = false;
        self.more = 0;
        self.left.take_back(std::mem::take(&mut self.writes));
        if let Some(late) = &mut self.late {
            drop(std::mem::replace(&mut late.copies, DropRows::with_capacity(0)));
            self.sweep();
        }
    }

    fn exchange(&mut self, other: &mut dyn AnyOwner, passing: &mut Passing<'_>) {
        let other: &mut Self = downcast_owner(other).expect(OTHER);
        let is_shown = |owner: &Self| owner.ahead().is_none_or(|ahead| ahead.read(Ahead::is_empty));
        assert!(is_shown(self) && is_shown(other), "{AHEAD}");
        self.core.exchange(&other.core, passing);
        self.left.sweeps_all = true;
        other.left.sweeps_all = true;
    }

    fn swap(&mut self, other: &mut dyn AnyOwner) {
        std::mem::swap(self, downcast_owner(other).expect(OTHER));
    }
}

/// Keys and values that a page does not show.
type Hidden<K, V> = DropRows<Option<K>, Option<V>>;

/// A page of rows with what lies over them: `written`, in order, is a value or that there is no row.
/// `page` gives pages of the rows beneath. What is read and not shown is put into `hidden`.
fn merge<'w, K, V, Q>(
    mut written: impl DoubleEndedIterator<Item = (&'w K, Option<&'w V>)>,
    bounds: (Bound<&Q>, Bound<&Q>),
    limit: usize,
    from_back: bool,
    hidden: &mut Hidden<K, V>,
    page: impl Fn((Bound<&Q>, Bound<&Q>), usize) -> DropRows<K, V>,
) -> DropRows<K, V>
where
    K: Ord + Clone + Borrow<Q> + 'w,
    V: Clone + 'w,
    Q: Ord + ?Sized,
{
    let mut merged = DropRows::with_capacity(limit.min(PAGE));
    let mut next_written = || if from_back { written.next_back() } else { written.next() };
    let comes_first = |one: &K, other: &K| if from_back { one > other } else { one < other };
    let mut write = next_written();
    // The key of the last row beneath that was looked at.
    let mut last: Option<Quiet<K>> = None;
    let mut hide = |key: Option<K>, value: Option<V>| {
        if std::mem::needs_drop::<(K, V)>() {
            hidden.0.push((key, value));
        }
    };
    while merged.0.len() < limit {
        let after = last.as_ref().map(|key| Bound::Excluded(key.get().borrow()));
        let (lower, upper) = match after {
            None => bounds,
            Some(after) if from_back => (bounds.0, after),
            Some(after) => (after, bounds.1),
        };
        let beneath = page((lower, upper), (limit - merged.0.len()).min(PAGE));
        let is_last = beneath.0.is_empty();
        for (key, value) in beneath.into_vec() {
            while let Some((written, new)) = write
                && comes_first(written, &key)
            {
                if let Some(new) = new {
                    merged.push_clone(written, new);
                }
                write = next_written();
            }
            if let Some(before) = last.replace(Quiet::new(key.clone())) {
                hide(Some(before.into_inner()), None);
            }
            if let Some((written, new)) = write
                && *written == key
            {
                // It is written anew, or removed.
                if let Some(new) = new {
                    merged.push_clone(&key, new);
                }
                write = next_written();
                hide(Some(key), Some(value));
            } else {
                merged.0.push((key, value));
            }
        }
        if is_last {
            while let Some((written, new)) = write
                && merged.0.len() < limit
            {
                if let Some(new) = new {
                    merged.push_clone(written, new);
                }
                write = next_written();
            }
            break;
        }
    }
    if merged.0.len() > limit {
        merged.0.drain(limit..).for_each(|(key, value)| hide(Some(key), Some(value)));
    }
    hide(last.map(Quiet::into_inner), None);
    merged
}

/// A commit of an ordered table that is to be shown later.
pub(in crate::table) struct HandedOver<K, V> {
    // As that of a hash table, for the same reason.
    core: Weak<Core<K, V>>,
    clears: bool,
    writes: BTreeMap<K, Write<V>>,
}

impl<K, V> PreparedTable for HandedOver<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn show(&mut self, passing: &Passing<'_>) {
        let Some(core) = self.core.upgrade() else { return };
        let mut left = LeftOver::default();
        core.show(self.clears, std::mem::take(&mut self.writes), passing, &mut left);
        if let Some(late) = &core.late {
            late.returned.with(|returned| returned.add(left));
        }
    }

    fn forget(mut self: Box<Self>) {
        if let Some(core) = self.core.upgrade()
            && let Some(late) = &core.late
        {
            let mut left = LeftOver::default();
            left.take_back(std::mem::take(&mut self.writes));
            // A snapshot may need the keys: the owner takes them out.
            late.returned.with(|returned| returned.add(left));
        }
    }
}

impl<K, V> Drop for HandedOver<K, V> {
    fn drop(&mut self) {
        drop_writes(&mut self.writes);
    }
}

impl<K, V> Drop for Owner<K, V> {
    fn drop(&mut self) {
        drop_writes(&mut self.writes);
    }
}

impl<K, V> Drop for LateOwner<K, V> {
    fn drop(&mut self) {
        self.outdated.drain(..).for_each(Outdated::drop_values);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::index::Index;
    use super::*;
    use crate::table::boundary::Boundaries;
    use crate::table::commit;
    use crate::table::journal::{Encoded, Journal, Written};

    thread_local! {
        static PANICS: Cell<bool> = const { Cell::new(false) };
    }

    /// A key whose clone panics when it is told to.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    struct Key(u8);

    impl Clone for Key {
        fn clone(&self) -> Self {
            assert!(!PANICS.get(), "asked to panic");
            Self(self.0)
        }
    }

    fn commit(owner: &mut Owner<Key, u8>) {
        owner.prepare();
        owner.commit_alone();
        owner.sweep();
    }

    /// The message dies in its preparation.
    fn dies(owner: &mut Owner<Key, u8>) {
        PANICS.set(true);
        catch_unwind(AssertUnwindSafe(|| owner.prepare())).unwrap_err();
        PANICS.set(false);
        owner.discard();
    }

    /// How many keys the index has after a commit that writes to another key.
    fn keys_then(owner: &mut Owner<Key, u8>) -> usize {
        owner.write(Key(9), Some(9), 1);
        commit(owner);
        owner.core.index.read(Index::keys)
    }

    #[test]
    fn a_vacated_key_to_which_a_message_wrote_that_dies_in_its_preparation_is_taken_out() {
        let mut owner = Owner::new(Arc::new(Core::new(Boundaries::new())));
        owner.write(Key(1), Some(1), 1);
        commit(&mut owner);
        owner.write(Key(1), None, -1);
        commit(&mut owner);
        owner.write(Key(0), Some(0), 1);
        owner.write(Key(1), Some(1), 1);
        dies(&mut owner);
        assert_eq!(keys_then(&mut owner), 1);
    }

    #[test]
    fn the_keys_of_a_table_that_was_cleared_are_taken_out_though_a_message_dies_over_them() {
        let mut owner = Owner::new(Arc::new(Core::new(Boundaries::new())));
        owner.write(Key(1), Some(1), 1);
        owner.write(Key(2), Some(2), 1);
        commit(&mut owner);
        owner.clear();
        commit(&mut owner);
        owner.write(Key(3), Some(3), 1);
        dies(&mut owner);
        assert_eq!(keys_then(&mut owner), 1);
    }

    struct Silent;

    impl Journal for Silent {
        fn encode(&self, _: &Written<'_>) -> Encoded {
            Box::new(())
        }

        fn append(&self, _: u64, _: Encoded) {}
    }

    #[test]
    fn the_keys_of_a_commit_that_is_forgotten_are_taken_out() {
        let boundaries = Boundaries::kept_by(Arc::new(Silent));
        let mut owner = Owner::new(Arc::new(Core::new(Arc::clone(&boundaries))));
        let commit_and_show = |owner: &mut Owner<Key, u8>, key, shows| {
            owner.write(Key(key), Some(0), 1);
            commit::one(owner);
            boundaries.show_up_to(shows);
            owner.sweep();
        };
        commit_and_show(&mut owner, 1, 0);
        owner.core.boundaries.forget_unshown();
        owner.core.forget_ahead();
        assert_eq!(owner.core.index.read(Index::keys), 1);
        commit_and_show(&mut owner, 9, 1);
        commit_and_show(&mut owner, 9, 2);
        assert_eq!(owner.core.index.read(Index::keys), 1);
        assert!(owner.look(&Key(1), |_, _| ()).is_none());
    }

    #[test]
    fn what_a_commit_has_kept_for_a_snapshot_that_ended_meanwhile_is_dropped_by_the_owner() {
        let boundaries = Boundaries::new();
        let (mut owner, value) = (Owner::new(Arc::new(Core::new(Arc::clone(&boundaries)))), Arc::new(()));
        owner.write(1, Some(Arc::clone(&value)), 1);
        owner.prepare();
        owner.commit_alone();
        owner.write(1, None, -1);
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
