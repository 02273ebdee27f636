//! Rows that lie over the committed ones, each with its place.

use std::sync::OnceLock;

use hashbrown::HashTable;

use super::shards::{Place, spread};
use crate::util::steps::made;

/// From how many entries on they are found by hash.
const INDEXED: usize = 8;

/// For how many entries room is kept when all of them go.
const ROOM: usize = 1024;

/// Entries in the order in which they were added, at most one for each place.
pub(super) struct Entries<K, C> {
    all: Vec<Entry<K, C>>,
    index: HashTable<usize>,
    /// The entries in the order of their positions, from the first page that asks for it to the next
    /// change.
    in_order: OnceLock<Vec<usize>>,
}

/// What lies over one row.
#[derive(Clone)]
pub(super) struct Entry<K, C> {
    pub(super) place: Place,
    pub(super) key: K,
    pub(super) content: C,
}

impl<K, C> Entries<K, C> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), index: HashTable::new(), in_order: OnceLock::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K, C>> {
        self.all.iter()
    }

    pub(super) fn at(&self, at: usize) -> &Entry<K, C> {
        &self.all[at]
    }

    /// What an entry says of its row.
    pub(super) fn content_mut(&mut self, at: usize) -> &mut C {
        &mut self.all[at].content
    }

    /// The entry of the key that `is_it` knows.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(&K) -> bool) -> Option<usize> {
        self.search(hash, |entry| entry.place.hash == hash && is_it(&entry.key))
    }

    /// The entry for a place.
    pub(super) fn over(&self, place: Place) -> Option<usize> {
        self.search(place.hash, |entry| entry.place == place)
    }

    #[inline]
    fn search(&self, hash: u32, is_it: impl Fn(&Entry<K, C>) -> bool) -> Option<usize> {
        if self.all.len() <= INDEXED {
            return self.all.iter().position(is_it);
        }
        self.index.find(spread(hash), |at| is_it(&self.all[*at])).copied()
    }

    /// Adds the numbers of the rows of this hash that there are entries for.
    pub(super) fn numbers(&self, hash: u32, numbers: &mut Vec<u32>) {
        let mut add = |entry: &Entry<K, C>| {
            if entry.place.hash == hash {
                numbers.push(entry.place.nth);
            }
        };
        if self.all.len() <= INDEXED {
            self.all.iter().for_each(add);
        } else {
            self.index.iter_hash(spread(hash)).for_each(|at| add(&self.all[*at]));
        }
    }

    /// Adds an entry for a place that has none. Returns where it is.
    #[inline]
    pub(super) fn push(&mut self, place: Place, key: K, content: C) -> usize {
        let at = self.all.len();
        self.in_order.take();
        if at == self.all.capacity() {
            self.make_room();
        }
        self.all.push(Entry { place, key, content });
        if at >= INDEXED {
            self.index_up_to(at);
        }
        at
    }

    /// The entries from one position on, up to the next page, in their order.
    pub(super) fn between(&self, from: u32, next: Option<u32>) -> &[usize] {
        // Once for all pages: a walk would else look at all entries for each.
        let in_order = self.in_order.get_or_init(|| {
            made(self.all.len());
            let mut in_order: Vec<_> = (0..self.all.len()).collect();
            in_order.sort_unstable_by_key(|at| self.all[*at].place.position());
            in_order
        });
        let begins = |position: u32| in_order.partition_point(|at| self.all[*at].place.position() < position);
        &in_order[begins(from)..next.map_or(in_order.len(), begins)]
    }

    /// Makes room for one entry more. Many tables are written to a row at a time: so first for one, as
    /// room for four would be a large part of what such a table weighs.
    #[cold]
    fn make_room(&mut self) {
        if self.all.is_empty() {
            self.all.reserve_exact(1);
        } else {
            self.all.reserve(1);
        }
    }

    fn index_up_to(&mut self, last: usize) {
        let first = if last == INDEXED { 0 } else { last };
        for at in first..=last {
            let hash = spread(self.all[at].place.hash);
            self.index.insert_unique(hash, at, |at| spread(self.all[*at].place.hash));
        }
    }

    /// Takes all entries out. Their room is used again after a [`reset`](Self::reset).
    #[inline]
    pub(super) fn drain(&mut self) -> std::vec::Drain<'_, Entry<K, C>> {
        self.all.drain(..)
    }

    /// Takes all entries out, with their room.
    pub(super) fn take(&mut self) -> Vec<Entry<K, C>> {
        let all = std::mem::take(&mut self.all);
        self.reset();
        if all.capacity() > ROOM {
            self.index = HashTable::new();
        }
        all
    }

    /// Is empty again, after all entries were taken out.
    pub(super) fn reset(&mut self) {
        self.in_order.take();
        if !self.index.is_empty() {
            self.index.clear();
        }
        if self.all.capacity() > ROOM {
            self.all = Vec::new();
            self.index = HashTable::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::steps::assert_no_square;

    #[test]
    fn room_for_many_entries_goes_with_them() {
        for go in [
            |entries: &mut Entries<u32, ()>| drop(entries.take()),
            |entries: &mut Entries<u32, ()>| {
                entries.drain();
                entries.reset();
            },
        ] {
            let mut entries = Entries::new();
            for hash in 0..20_000 {
                entries.push(Place { hash, nth: 0 }, hash, ());
            }
            go(&mut entries);
            assert!(entries.index.capacity() <= 2 * ROOM);
        }
    }

    #[test]
    fn a_walk_of_pages_looks_at_the_entries_once() {
        assert_no_square(|many| {
            let mut entries = Entries::new();
            for number in 0..many {
                let hash = u32::try_from(number).unwrap().wrapping_mul(0x9E37_79B9);
                entries.push(Place { hash, nth: 0 }, number, ());
            }
            let pages = (0..u32::try_from(many).unwrap()).map(|page| page << 20);
            let ends = pages.clone().skip(1).map(Some).chain([None]);
            let found: usize = pages.zip(ends).map(|(from, next)| entries.between(from, next).len()).sum();
            assert_eq!(found, many);
        });
    }
}
