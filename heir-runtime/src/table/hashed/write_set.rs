//! What a message has written, before its commit.

use std::sync::OnceLock;

use hashbrown::HashTable;

use super::kind::Kind;
use super::shards::{Place, spread};
use crate::table::drops::drop_quietly;
use crate::util::steps::made;

/// From how many entries on they are found by hash.
const INDEXED: usize = 8;

/// For how many entries a table keeps room from message to message.
const ROOM: usize = 1024;

/// The writes of the message under way: what they leave of each row that they touch.
pub(in crate::table) struct WriteSet<K, D: Kind> {
    /// Whether nothing is left of the rows that were there before the message.
    pub(super) is_cleared: bool,
    pub(super) entries: Vec<Entry<K, D>>,
    index: HashTable<usize>,
    /// The entries in the order of their positions, from the first page that asks for it to the next
    /// write.
    in_order: OnceLock<Vec<usize>>,
    /// How many more values there are than before the message, or than none if it is cleared.
    pub(super) more: isize,
    /// How many more rows there are, as well.
    pub(super) more_rows: isize,
}

/// What a message has written to one row.
pub(in crate::table) struct Entry<K, D: Kind> {
    pub(super) place: Place,
    pub(super) key: K,
    pub(super) change: D::Change,
}

impl<K, D: Kind> WriteSet<K, D> {
    pub(super) fn new() -> Self {
        Self {
            is_cleared: false,
            entries: Vec::new(),
            index: HashTable::new(),
            in_order: OnceLock::new(),
            more: 0,
            more_rows: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.is_cleared
    }

    /// The entry of the key that `is_it` knows.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(&K) -> bool) -> Option<usize> {
        if self.entries.len() <= INDEXED {
            return self.entries.iter().position(|entry| entry.place.hash == hash && is_it(&entry.key));
        }
        let is_it = |at: &usize| {
            let entry = &self.entries[*at];
            entry.place.hash == hash && is_it(&entry.key)
        };
        self.index.find(spread(hash), is_it).copied()
    }

    /// Whether there is an entry for this place.
    pub(super) fn has(&self, place: Place) -> bool {
        if self.entries.len() <= INDEXED {
            return self.entries.iter().any(|entry| entry.place == place);
        }
        self.index.find(spread(place.hash), |at| self.entries[*at].place == place).is_some()
    }

    /// Adds the numbers of the rows of this hash that it has written to.
    pub(super) fn numbers(&self, hash: u32, numbers: &mut Vec<u32>) {
        let mut add = |entry: &Entry<K, D>| {
            if entry.place.hash == hash {
                numbers.push(entry.place.nth);
            }
        };
        if self.entries.len() <= INDEXED {
            self.entries.iter().for_each(add);
        } else {
            self.index.iter_hash(spread(hash)).for_each(|at| add(&self.entries[*at]));
        }
    }

    /// Adds the entry of a key that has none. Returns where it is.
    #[inline]
    pub(super) fn push(&mut self, place: Place, key: K, change: D::Change) -> usize {
        let at = self.entries.len();
        self.in_order.take();
        self.entries.push(Entry { place, key, change });
        if at >= INDEXED {
            self.index_up_to(at);
        }
        at
    }

    /// The entries from one position on, up to the next page, in their order.
    pub(super) fn between(&self, from: u32, next: Option<u32>) -> &[usize] {
        // Once for all pages: a walk would else look at all entries for each.
        let in_order = self.in_order.get_or_init(|| {
            made(self.entries.len());
            let mut in_order: Vec<_> = (0..self.entries.len()).collect();
            in_order.sort_unstable_by_key(|at| self.entries[*at].place.position());
            in_order
        });
        let begins =
            |position: u32| in_order.partition_point(|at| self.entries[*at].place.position() < position);
        &in_order[begins(from)..next.map_or(in_order.len(), begins)]
    }

    fn index_up_to(&mut self, last: usize) {
        let first = if last == INDEXED { 0 } else { last };
        for at in first..=last {
            let hash = spread(self.entries[at].place.hash);
            self.index.insert_unique(hash, at, |at| spread(self.entries[*at].place.hash));
        }
    }

    /// Forgets all entries, whose changes have been made: their room is used again.
    pub(super) fn reset(&mut self) {
        self.is_cleared = false;
        self.in_order.take();
        self.more = 0;
        self.more_rows = 0;
        if !self.index.is_empty() {
            self.index.clear();
        }
        if self.entries.capacity() > ROOM {
            self.entries = Vec::new();
            self.index = HashTable::new();
        }
    }

    /// Drops all entries, one value after the other, each caught.
    pub(super) fn drop_entries(&mut self) {
        for Entry { key, change, .. } in std::mem::take(&mut self.entries) {
            drop_quietly(key);
            D::drop_change(change);
        }
        self.reset();
    }

    /// Everything goes that was there before, and everything that the message has written.
    pub(super) fn clear(&mut self) {
        self.drop_entries();
        self.is_cleared = true;
    }
}

impl<K, D: Kind> Drop for WriteSet<K, D> {
    fn drop(&mut self) {
        self.drop_entries();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::hashed::One;
    use crate::util::steps::assert_no_square;

    #[test]
    fn a_walk_of_pages_looks_at_the_entries_once() {
        assert_no_square(|many| {
            let mut writes = WriteSet::<usize, One<()>>::new();
            for number in 0..many {
                let hash = u32::try_from(number).unwrap().wrapping_mul(0x9E37_79B9);
                writes.push(Place { hash, nth: 0 }, number, Some(()));
            }
            let pages = (0..u32::try_from(many).unwrap()).map(|page| page << 20);
            let ends = pages.clone().skip(1).map(Some).chain([None]);
            let found: usize = pages.zip(ends).map(|(from, next)| writes.between(from, next).len()).sum();
            assert_eq!(found, many);
        });
    }
}
