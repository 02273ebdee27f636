//! What a message writes to an ordered table, and what its commit leaves to do.

use std::collections::BTreeMap;

use super::index::Slot;
use crate::table::drops::drop_quietly;

/// For how much of what a commit replaces room is kept.
const KEPT: usize = 64;

/// What commits leave for the owner to do.
pub(super) struct LeftOver<K, V> {
    /// The keys of slots that have been vacated: they are to be taken out of the index.
    pub(super) vacated: Vec<K>,
    /// Whether the keys of all vacant slots are to be taken out.
    pub(super) sweeps_all: bool,
    /// The values that were replaced.
    pub(super) spent: Vec<V>,
    /// The keys of rows that were written to.
    pub(super) spent_keys: Vec<K>,
}

/// What the message has written to a row.
pub(super) struct Write<V> {
    /// The value that was put; `None` if the row was removed.
    pub(super) value: Option<V>,
    /// Where the row is; `None` until the commit prepares a slot.
    pub(super) slot: Option<Slot>,
    /// Whether the slot was vacant before.
    pub(super) was_vacant: bool,
}

impl<K, V> LeftOver<K, V> {
    pub(super) fn add(&mut self, mut other: Self) {
        self.vacated.append(&mut other.vacated);
        self.sweeps_all |= other.sweeps_all;
        self.spent.append(&mut other.spent);
        self.spent_keys.append(&mut other.spent_keys);
    }

    /// Drops writes that are not made, caught, but for the keys that were put over vacant slots for them.
    pub(super) fn take_back(&mut self, writes: BTreeMap<K, Write<V>>) {
        for (key, write) in writes {
            if write.was_vacant {
                self.vacated.push(key);
            } else {
                drop_quietly(key);
            }
            drop_quietly(write.value);
        }
    }

    pub(super) fn drop_spent(&mut self) {
        self.spent.drain(..).for_each(drop_quietly);
        self.spent.shrink_to(KEPT);
        self.spent_keys.drain(..).for_each(drop_quietly);
        self.spent_keys.shrink_to(KEPT);
    }
}

impl<K, V> Default for LeftOver<K, V> {
    fn default() -> Self {
        Self { vacated: Vec::new(), sweeps_all: false, spent: Vec::new(), spent_keys: Vec::new() }
    }
}

impl<K, V> Drop for LeftOver<K, V> {
    fn drop(&mut self) {
        self.drop_spent();
        self.vacated.drain(..).for_each(drop_quietly);
    }
}

/// Drops writes, one value after the other, each caught.
pub(super) fn drop_writes<K, V>(writes: &mut BTreeMap<K, Write<V>>) {
    for (key, write) in std::mem::take(writes) {
        drop_quietly(key);
        drop_quietly(write.value);
    }
}
