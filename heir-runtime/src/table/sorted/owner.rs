//! The one who writes to an ordered table: its write set, over the committed rows.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::Core;
use super::index::Slot;
use crate::table::boundary::Passing;
use crate::table::drops::{DropRows, Quiet, drop_quietly};
use crate::table::rows::PAGE;

/// How many rows a commit moves under the lock at a time.
const MOVED: u16 = 256;

/// For how much of what a commit replaces room is kept.
const KEPT: usize = 64;

/// The right to write to a table, with what the message under way has written.
pub(in crate::table) struct Owner<K, V> {
    pub(in crate::table) core: Arc<Core<K, V>>,
    /// Whether nothing is left of the rows that were there before the message.
    is_cleared: bool,
    writes: BTreeMap<K, Write<V>>,
    /// How many more rows there are than before the message, or than none if it is cleared.
    more: isize,
    /// The keys of slots that have been vacated: they are to be taken out of the index.
    vacated: Vec<K>,
    /// Whether the keys of all vacant slots are to be taken out.
    sweeps_all: bool,
    /// What the last commit has replaced.
    spent: Vec<V>,
    /// The keys of rows that the last commit has written to.
    spent_keys: Vec<K>,
    /// Its number among the owners of these rows. The newest may write.
    number: u64,
}

/// What the message has written to a row.
struct Write<V> {
    /// The value that was put; `None` if the row was removed.
    value: Option<V>,
    /// Where the row is; `None` until the commit prepares a slot.
    slot: Option<Slot>,
    /// Whether the slot was vacant before.
    was_vacant: bool,
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
        Self {
            core,
            is_cleared: false,
            writes: BTreeMap::new(),
            more: 0,
            vacated: Vec::new(),
            // An owner before this one may have left some.
            sweeps_all: number > 1,
            spent: Vec::new(),
            spent_keys: Vec::new(),
            number,
        }
    }

    /// Whether it may write.
    pub(in crate::table) fn is_current(&self) -> bool {
        self.core.owner.load(Ordering::Relaxed) == self.number
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
        if self.is_cleared { None } else { self.core.look(key, look) }
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
        let before = if self.is_cleared { 0 } else { self.core.len() };
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
        let mut page = DropRows::with_capacity(limit.min(PAGE));
        let mut written = self.writes.range::<Q, _>(bounds);
        let mut next_written = || if from_back { written.next_back() } else { written.next() };
        let comes_first = |one: &K, other: &K| if from_back { one > other } else { one < other };
        let mut write = next_written();
        // The key of the last committed row that was looked at.
        let mut last: Option<Quiet<K>> = None;
        while page.0.len() < limit {
            let after = last.as_ref().map(|key| Bound::Excluded(key.get().borrow()));
            let (lower, upper) = match after {
                None => bounds,
                Some(after) if from_back => (bounds.0, after),
                Some(after) => (after, bounds.1),
            };
            let committed = if self.is_cleared {
                DropRows::with_capacity(0)
            } else {
                self.core.page((lower, upper), (limit - page.0.len()).min(PAGE), from_back)
            };
            let is_last = committed.0.is_empty();
            for (key, value) in committed.into_vec() {
                while let Some((written, new)) = write
                    && comes_first(written, &key)
                {
                    if let Some(new) = &new.value {
                        page.push_clone(written, new);
                    }
                    write = next_written();
                }
                last = Some(Quiet::new(key.clone()));
                if write.is_some_and(|(written, _)| *written == key) {
                    // It is written anew, or removed.
                    if let Some(new) = write.and_then(|(_, new)| new.value.as_ref()) {
                        page.push_clone(&key, new);
                    }
                    write = next_written();
                    drop_quietly(key);
                    drop_quietly(value);
                } else {
                    page.0.push((key, value));
                }
            }
            if is_last {
                while let Some((written, new)) = write
                    && page.0.len() < limit
                {
                    if let Some(new) = &new.value {
                        page.push_clone(written, new);
                    }
                    write = next_written();
                }
                break;
            }
        }
        if page.0.len() > limit {
            drop(DropRows(page.0.split_off(limit)));
        }
        page
    }

    /// Whether the message under way has written anything.
    pub(in crate::table) fn is_dirty(&self) -> bool {
        !self.writes.is_empty() || self.is_cleared
    }

    /// What the message has written so far, in the order of keys; and whether it has removed
    /// everything before.
    pub(in crate::table) fn changes(&self) -> (bool, impl Iterator<Item = (&K, Option<&V>)>) {
        (self.is_cleared, self.writes.iter().map(|(key, write)| (key, write.value.as_ref())))
    }

    /// Takes the keys of vacated slots out of the index, and finds a slot for each row that was
    /// put.
    pub(in crate::table) fn prepare(&mut self) {
        self.take_out_vacated();
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
    }

    fn take_out_vacated(&mut self) {
        // A snapshot may need the key of a slot that has been vacated since.
        if self.core.is_copied() {
            return;
        }
        if std::mem::take(&mut self.sweeps_all) {
            let mut after: Option<Quiet<K>> = None;
            loop {
                let page: Vec<_> = self.core.index.read(|index| {
                    let after = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.get()));
                    let page = index.range::<K>((after, Bound::Unbounded)).take(PAGE);
                    page.map(|(key, _, value)| (Quiet::new(key.clone()), value.is_none())).collect()
                });
                let Some((last, _)) = page.last() else { break };
                after = Some(Quiet::new(last.get().clone()));
                self.vacated.extend(
                    page.into_iter().filter(|(_, is_vacant)| *is_vacant).map(|(key, _)| key.into_inner()),
                );
            }
        }
        while let Some(key) = self.vacated.last() {
            if !self.writes.contains_key(key) {
                let taken = self.core.index.write_in_order(|index| index.take_out(key));
                drop_quietly(taken);
            }
            drop_quietly(self.vacated.pop());
        }
    }

    /// Makes what was prepared visible. Only moves.
    pub(in crate::table) fn apply(&mut self, passing: &Passing<'_>) {
        let keeps = passing.keeps();
        let Self { core, writes, vacated, spent, spent_keys, .. } = self;
        let mut put_aside = |slot, before: Option<V>| {
            if keeps {
                core.keep(passing.number(), slot, before);
            } else if std::mem::needs_drop::<V>() {
                spent.extend(before);
            }
        };
        if std::mem::take(&mut self.is_cleared) {
            let mut slot = 0;
            while let Some(emptied) = core.index.write(|index| index.empty(slot, MOVED.into())) {
                for (at, before) in (slot..).zip(emptied) {
                    if before.is_some() {
                        put_aside(at, before);
                    }
                }
                slot += Slot::from(MOVED);
            }
            self.sweeps_all = true;
        }
        let mut moved = std::mem::take(writes).into_iter().peekable();
        while moved.peek().is_some() {
            let mut done = Vec::with_capacity(moved.len().min(MOVED.into()));
            core.index.write(|index| {
                for (key, Write { value, slot, .. }) in moved.by_ref().take(MOVED.into()) {
                    let is_removed = value.is_none();
                    let before = slot.and_then(|slot| index.replace(slot, value));
                    done.push((key, slot, before, is_removed));
                }
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
        self.more = 0;
    }

    /// The same, as a commit of its own.
    pub(in crate::table) fn commit_alone(&mut self) {
        let core = Arc::clone(&self.core);
        let passing = core.boundaries.pass();
        self.apply(&passing);
        passing.finish();
    }

    /// Drops what the last commit has replaced.
    pub(in crate::table) fn sweep(&mut self) {
        self.spent.drain(..).for_each(drop_quietly);
        self.spent.shrink_to(KEPT);
        self.spent_keys.drain(..).for_each(drop_quietly);
        self.spent_keys.shrink_to(KEPT);
    }

    /// Drops what the message under way has written.
    pub(in crate::table) fn discard(&mut self) {
        self.is_cleared = false;
        self.more = 0;
        for (key, write) in std::mem::take(&mut self.writes) {
            if write.was_vacant {
                self.vacated.push(key);
            } else {
                drop_quietly(key);
            }
            drop_quietly(write.value);
        }
    }

    /// Exchanges all rows for those of another table.
    pub(in crate::table) fn exchange(&mut self, other: &mut Self, passing: &mut Passing<'_>) {
        self.core.exchange(&other.core, passing);
        self.sweeps_all = true;
        other.sweeps_all = true;
    }
}

impl<K, V> Drop for Owner<K, V> {
    fn drop(&mut self) {
        for (key, write) in std::mem::take(&mut self.writes) {
            drop_quietly(key);
            drop_quietly(write.value);
        }
        self.vacated.drain(..).for_each(drop_quietly);
        self.spent.drain(..).for_each(drop_quietly);
        self.spent_keys.drain(..).for_each(drop_quietly);
    }
}
