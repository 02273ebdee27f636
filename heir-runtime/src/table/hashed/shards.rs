//! The map under `Table` and `BagTable`: rows by the hash of their key, in shards that grow with
//! the table.
//!
//! There is one writer at a time. A shard is a hash table behind a lock, small enough that to
//! rebuild it takes microseconds: readers never wait for a large table to grow. The shards double
//! one by one, in their order (linear hashing, W. Litwin, 1980): shard `n` of `2^k` gives half of
//! its rows to shard `n + 2^k`, which is new.
//!
//! No function here runs a user's code, but for the closures that look at rows.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use hashbrown::HashTable;

use crate::table::drops::cloned;
use crate::table::lock::RowLock;

/// How many rows a shard has, on average, before there is one shard more. Fewer would make a large
/// table slower, which then finds more of itself out of the cache; more, a split longer.
const ROWS_A_SHARD: usize = 1792;

/// A segment has fifteen times as many shards as there are before it.
const SEGMENTS: usize = 6;

/// Where a row is: the hash of its key, and its number among the rows of that hash. It stays while
/// the row does, wherever the row moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::table) struct Place {
    pub(super) hash: u32,
    pub(super) nth: u32,
}

impl Place {
    /// The place of its hash among all hashes, in the order of pages.
    pub(super) fn position(self) -> u32 {
        position(self.hash)
    }
}

/// Rows in the order of their positions stay in order when a shard is split: its rows are those of
/// one range, and a split halves the range.
pub(in crate::table) fn position(hash: u32) -> u32 {
    hash.reverse_bits()
}

pub(in crate::table) struct Row<K, S> {
    pub(in crate::table) place: Place,
    pub(in crate::table) key: K,
    pub(in crate::table) value: S,
}

impl<K: Clone, S: Clone> Clone for Row<K, S> {
    fn clone(&self) -> Self {
        let (key, value) = cloned(&self.key, &self.value);
        Self { place: self.place, key, value }
    }
}

/// The rows of a shard.
pub(in crate::table) type Rows<K, S> = HashTable<Row<K, S>>;

/// The hash by which a shard finds a row: its rows have some bits of the other one in common.
#[inline]
pub(super) fn spread(hash: u32) -> u64 {
    let spread = u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    spread ^ (spread >> 32)
}

/// Adds the numbers of the rows of this hash.
#[inline]
pub(super) fn add_numbers<K, S>(hash: u32, rows: &Rows<K, S>, numbers: &mut Vec<u32>) {
    for row in rows.iter_hash(spread(hash)) {
        if row.place.hash == hash {
            numbers.push(row.place.nth);
        }
    }
}

/// The first place of this hash whose number is none of these.
#[inline]
pub(super) fn first_free(hash: u32, numbers: &mut Vec<u32>) -> Place {
    numbers.sort_unstable();
    numbers.dedup();
    let taken = numbers.iter().zip(0..).take_while(|(number, nth)| *number == nth).count();
    Place { hash, nth: taken.try_into().expect("fewer rows of one hash than there are numbers") }
}

fn rehash<K, S>(row: &Row<K, S>) -> u64 {
    spread(row.place.hash)
}

/// Beside no other shard in a line of the processor's cache.
#[repr(align(64))]
struct Shard<K, S>(RowLock<Rows<K, S>>);

/// Shards that are made together, when the first of them is needed.
type Segment<K, S> = OnceLock<Box<[Shard<K, S>]>>;

pub(in crate::table) struct Shards<K, S> {
    /// Small tables have no other.
    first: RowLock<Rows<K, S>>,
    /// All others. In a box, because most tables are small.
    segments: OnceLock<Box<[Segment<K, S>; SEGMENTS]>>,
    /// How many shards there are.
    count: AtomicU32,
    /// How many rows there are.
    len: AtomicUsize,
}

impl<K, S> Shards<K, S> {
    pub(super) fn new() -> Self {
        Self {
            first: RowLock::new(HashTable::new()),
            segments: OnceLock::new(),
            count: AtomicU32::new(1),
            len: AtomicUsize::new(0),
        }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Looks at the rows of the shard in which keys of this hash are.
    #[inline]
    pub(super) fn read<R>(&self, hash: u32, look: impl FnOnce(&Rows<K, S>) -> R) -> R {
        let (mut look, mut count) = (look, self.count.load(Ordering::Acquire));
        loop {
            let found = self.shard(index(hash, count)).read(|rows| {
                // The shard may have been split before it was locked.
                let now = self.count.load(Ordering::Acquire);
                let is_here = now == count || index(hash, now) == index(hash, count);
                if is_here { Ok(look(rows)) } else { Err((look, now)) }
            });
            match found {
                Ok(found) => return found,
                Err(again) => (look, count) = again,
            }
        }
    }

    /// Changes the rows of the shard in which keys of this hash are: for the one writer.
    #[inline]
    pub(super) fn write<R>(&self, hash: u32, work: impl FnOnce(&mut Rows<K, S>) -> R) -> R {
        self.shard(index(hash, self.count.load(Ordering::Relaxed))).write(work)
    }

    /// Puts a row into its shard: there is none at its place. For the one writer.
    pub(super) fn put(rows: &mut Rows<K, S>, row: Row<K, S>) {
        rows.insert_unique(spread(row.place.hash), row, rehash);
    }

    /// Counts a row more, and makes room for others: for the one writer, outside of all locks.
    #[inline]
    pub(super) fn one_more(&self) {
        let len = self.len() + 1;
        self.len.store(len, Ordering::Relaxed);
        if len > self.count.load(Ordering::Relaxed) as usize * ROWS_A_SHARD {
            self.split();
        }
    }

    /// Counts a row less.
    pub(super) fn one_less(&self) {
        self.len.store(self.len() - 1, Ordering::Relaxed);
    }

    /// Takes all rows out, for the one writer.
    pub(super) fn take(&self) -> TakenOut<K, S> {
        self.len.store(0, Ordering::Relaxed);
        let shards = (0..self.count.load(Ordering::Relaxed)).map(|index| self.shard(index));
        TakenOut(shards.map(|shard| shard.write(std::mem::take)).collect())
    }

    /// Exchanges all rows for those of others, in which keys have the same hashes: for the one writer
    /// of both. It moves no row for itself, but for those of the side that has fewer shards.
    pub(super) fn exchange(&self, other: &Self) {
        let count = |shards: &Self| shards.count.load(Ordering::Relaxed);
        while count(self) < count(other) {
            self.split();
        }
        while count(other) < count(self) {
            other.split();
        }
        for index in 0..count(self) {
            let theirs = other.shard(index).write(std::mem::take);
            let ours = self.shard(index).write(|rows| std::mem::replace(rows, theirs));
            other.shard(index).write(|rows| *rows = ours);
        }
        let (ours, theirs) = (self.len(), other.len());
        self.len.store(theirs, Ordering::Relaxed);
        other.len.store(ours, Ordering::Relaxed);
    }

    /// Shows the rows from this position on, in the order of positions, to `look`: at least
    /// `limit`, if there are so many in one shard, and all of one position or none. Returns the
    /// position at which the next page begins.
    pub(in crate::table) fn page(
        &self,
        from: u32,
        limit: usize,
        look: impl FnMut(&Row<K, S>),
    ) -> Option<u32> {
        let hash = position(from);
        self.read(hash, |rows| {
            let end = last_position(hash, self.count.load(Ordering::Acquire));
            page_of(rows, from, end, limit, look)
        })
    }

    /// Makes one shard more, with half of the rows of another.
    #[cold]
    fn split(&self) {
        let count = self.count.load(Ordering::Relaxed);
        if segment(count).0 >= SEGMENTS {
            return;
        }
        self.make(segment(count).0);
        let source = count - (1 << count.ilog2());
        self.shard(source).write(|rows| {
            let all = std::mem::take(rows);
            let moves = |row: &Row<K, S>| index(row.place.hash, count + 1) == count;
            let leaving = all.iter().filter(|row| moves(row)).count();
            let mut new = HashTable::with_capacity(leaving);
            *rows = HashTable::with_capacity(all.len() - leaving);
            for row in all {
                Self::put(if moves(&row) { &mut new } else { rows }, row);
            }
            // Nobody else knows of it yet.
            self.shard(count).write(|rows| *rows = new);
            self.count.store(count + 1, Ordering::Release);
        });
    }

    fn make(&self, segment: usize) {
        let shards = 15 << (4 * segment);
        let new = || (0..shards).map(|_| Shard(RowLock::new(HashTable::new()))).collect();
        let segments = self.segments.get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
        segments[segment].get_or_init(new);
    }

    #[inline]
    fn shard(&self, index: u32) -> &RowLock<Rows<K, S>> {
        if index == 0 {
            return &self.first;
        }
        let (segment, at) = segment(index);
        let shards = self.segments.get().and_then(|segments| segments[segment].get());
        &shards.expect("a shard is made before it is counted")[at].0
    }
}

impl<K, S> Shards<K, S> {
    /// The rows of the shard in which keys of this hash are, of a map that nobody else can reach.
    #[cfg(feature = "store")]
    pub(super) fn rows_mut(&mut self, hash: u32) -> &mut Rows<K, S> {
        let index = index(hash, *self.count.get_mut());
        if index == 0 {
            return self.first.get_mut();
        }
        let (segment, at) = segment(index);
        let shards = self.segments.get_mut().and_then(|segments| segments[segment].get_mut());
        shards.expect("a shard is made before it is counted")[at].0.get_mut()
    }

    /// Takes out the rows of a map that nobody else can reach.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Row<K, S>> + '_ {
        let segments = self.segments.get_mut().into_iter().flat_map(|segments| segments.iter_mut());
        let others = segments.filter_map(OnceLock::get_mut).flatten().map(|shard| &mut shard.0);
        std::iter::once(&mut self.first).chain(others).flat_map(|shard| std::mem::take(shard.get_mut()))
    }
}

/// The rows of all shards, taken out of them.
pub(in crate::table) struct TakenOut<K, S>(Vec<Rows<K, S>>);

impl<K, S> TakenOut<K, S> {
    pub(super) fn into_rows(self) -> impl Iterator<Item = Row<K, S>> {
        self.0.into_iter().flatten()
    }

    /// Shows a page of them, as [`Shards::page`] does.
    pub(super) fn page(&self, from: u32, limit: usize, look: impl FnMut(&Row<K, S>)) -> Option<u32> {
        let (hash, count) = (position(from), self.0.len().try_into().expect("as many as there were shards"));
        page_of(&self.0[index(hash, count) as usize], from, last_position(hash, count), limit, look)
    }
}

/// Shows the rows of a shard from this position on, as [`Shards::page`] does. The positions of the
/// shard end at `end`.
fn page_of<K, S>(
    rows: &Rows<K, S>,
    from: u32,
    end: u32,
    limit: usize,
    mut look: impl FnMut(&Row<K, S>),
) -> Option<u32> {
    let here = rows.iter().filter(|row| row.place.position() >= from);
    if rows.len() <= limit {
        here.for_each(&mut look);
        return end.checked_add(1);
    }
    let mut here: Vec<_> = here.map(|row| (row.place.position(), row)).collect();
    if here.len() <= limit {
        for (_, row) in here {
            look(row);
        }
        return end.checked_add(1);
    }
    let (_, (last, _), _) = here.select_nth_unstable_by_key(limit.max(1) - 1, |(position, _)| *position);
    let last = *last;
    here.iter().filter(|(position, _)| *position <= last).for_each(|(_, row)| look(row));
    last.checked_add(1)
}

/// The segment of a shard that is not the first, and its place in there.
#[inline]
fn segment(index: u32) -> (usize, usize) {
    let sixteens = index.ilog2() / 4;
    (sixteens as usize, (index - (1 << (4 * sixteens))) as usize)
}

/// The shard of a hash, when there are so many.
#[inline]
fn index(hash: u32, count: u32) -> u32 {
    if count == 1 {
        return 0;
    }
    let below = (1 << count.ilog2()) - 1;
    let index = hash & (below << 1 | 1);
    if index < count { index } else { hash & below }
}

/// The last position in the shard of a hash.
fn last_position(hash: u32, count: u32) -> u32 {
    let level = count.ilog2();
    let index = index(hash, count);
    let is_split = index >= 1 << level || index < count - (1 << level);
    let bits = level + u32::from(is_split);
    position(index) | u32::MAX.checked_shr(bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hash_is_in_one_shard_and_each_shard_is_a_range_of_positions() {
        for count in 1..40 {
            for hash in (0..64_u32).flat_map(|hash| [hash, hash << 26, hash | 0xABCD_0000]) {
                let index = index(hash, count);
                assert!(index < count);
                let (first, last) = (position(index), last_position(hash, count));
                assert!((first..=last).contains(&position(hash)), "{hash:#x} of {count}");
                assert_eq!(self::index(position(last), count), index);
                assert_eq!(last_position(position(first), count), last);
            }
        }
    }

    #[test]
    fn the_segments_follow_one_another() {
        let mut expected = (0, 0);
        let mut sizes = [0; SEGMENTS];
        for index in 1..100_000 {
            let (at, offset) = segment(index);
            if at != expected.0 {
                expected = (expected.0 + 1, 0);
            }
            assert_eq!((at, offset), expected);
            sizes[at] += 1;
            expected.1 += 1;
        }
        assert_eq!(sizes[..4], [15, 240, 3_840, 61_440]);
    }
}
