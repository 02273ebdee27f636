//! The record: what each message changed, in order, so that it can be undone, or read forwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rtrb::{Consumer, Producer, RingBuffer};

/// One change: the key, and what was there before it. (What is there after it is in the next change of the same key, or in
/// the table: the record does not hold it a second time.)
pub(super) struct Undo<K, V> {
    /// The message that made it.
    turn: Turn,
    key: K,
    old: Option<V>,
}

/// The number of a message among all that ever began, those that were undone included.
type Turn = u64;

/// Changes that are only read from now on, oldest first.
type Segment<K, V> = Arc<[Undo<K, V>]>;

/// Mostly one.
type Segments<K, V> = (Option<Segment<K, V>>, Vec<Segment<K, V>>);

/// The changes of one table since its last message boundary, and, while a snapshot is being copied, those before it
/// that the copy must undo.
///
/// The writer notes a change in a ring, without a lock: an atomic store that everybody can see. Whoever wants to know of the
/// changes takes them out of the ring, under a lock that is held for moves, never while a user's code runs: so the writer does
/// not wait for a snapshot, nor a snapshot for a message.
pub(super) struct Record<K, V> {
    /// How many messages have been committed: the number of the last boundary. The writer moves it on, without the lock:
    /// that is all a commit has to do.
    boundary: AtomicU64,
    log: Mutex<Log<K, V>>,
}

struct Log<K, V> {
    /// How many changes the ring has room for.
    room: usize,
    /// Whether changes have no destructor, or none that does anything.
    plain: bool,
    /// How many messages have been undone.
    undone: u64,
    /// The newest changes.
    ring: Option<Consumer<Undo<K, V>>>,
    /// Changes that have been taken out of the ring.
    open: Vec<Undo<K, V>>,
    /// Those before them, oldest first.
    closed: Vec<Segment<K, V>>,
    /// The last message of each snapshot being copied.
    copying: Vec<Turn>,
}

/// The writer's end of a record.
pub(super) struct Notes<K, V> {
    ring: Producer<Undo<K, V>>,
    /// The message under way.
    turn: Turn,
    /// How many changes it has noted.
    noted: usize,
    spent: Vec<Undo<K, V>>,
}

/// How many changes may be left to whoever looks next.
const FEW: usize = 16;

/// How much room for changes a table keeps from message to message.
const ROOM: usize = 1024;

impl<K, V> Record<K, V> {
    /// A record whose ring has room for so many changes: for as many messages, mostly, the writer takes no lock. If they are
    /// `plain`, nothing happens when they are dropped.
    pub(super) fn new(room: usize, plain: bool) -> Self {
        let log = Log {
            room,
            plain,
            undone: 0,
            ring: None,
            open: Vec::new(),
            closed: Vec::new(),
            copying: Vec::new(),
        };
        Self { boundary: AtomicU64::new(0), log: Mutex::new(log) }
    }

    /// The number of the last boundary.
    pub(super) fn boundary(&self) -> u64 {
        self.boundary.load(Ordering::Acquire)
    }

    /// The changes of the message under way.
    pub(super) fn changes(&self) -> Changes<K, V> {
        // Nobody else may come to give up those before them: the ring, once it is empty, has room.
        self.tidy(&mut Vec::new(), |log| {
            let last = self.last(log);
            log.since(last)
        })
    }

    /// Begins a copy of the table as of the last boundary.
    pub(super) fn copy(&self) -> Copying<'_, K, V> {
        let mut log = self.lock();
        let last = self.last(&log);
        log.copying.push(last);
        Copying { record: self, last, boundary: last - log.undone }
    }

    /// The last message that is over. The writer may mark its boundary meanwhile: then that is for whoever looks next.
    fn last(&self, log: &Log<K, V>) -> Turn {
        self.boundary() + log.undone
    }

    /// Does something to the log, and then gives up the changes nobody needs any more.
    ///
    /// `spent` is empty before and after: it is where they are let go of, outside the lock, and its room is used again.
    fn tidy<R>(&self, spent: &mut Vec<Undo<K, V>>, work: impl FnOnce(&mut Log<K, V>) -> R) -> R {
        let mut log = self.lock();
        let answer = work(&mut log);
        let last = self.last(&log);
        let dropped = log.tidy(last, spent);
        drop(log);
        drop(dropped);
        if !spent.is_empty() {
            spent.clear();
            spent.shrink_to(ROOM);
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Log<K, V>> {
        // No user's code runs under it, so what it guards is never half-written.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Notes<K, V> {
    /// For the one writer of this record.
    pub(super) fn new(record: &Record<K, V>) -> Self {
        let mut spent = Vec::new();
        let (ring, turn) = record.tidy(&mut spent, |log| {
            // What a writer before this one has left.
            log.empty_ring();
            let (writers, readers) = RingBuffer::new(log.room);
            log.ring = Some(readers);
            (writers, record.last(log) + 1)
        });
        Self { ring, turn, noted: 0, spent }
    }

    /// Whether the message under way has noted anything.
    pub(super) fn is_dirty(&self) -> bool {
        self.noted > 0
    }

    /// Sees that there is room for one more change. What has to be let go of for it is dropped here: where no lock is held, and
    /// nothing is half done.
    #[inline]
    pub(super) fn ready(&mut self, record: &Record<K, V>) {
        if self.ring.is_full() {
            self.make_room(record);
        }
    }

    /// Notes a change that is about to be made. Only moves: it may be under a lock.
    ///
    /// # Panics
    /// If it was not made [`ready`](Self::ready).
    #[expect(
        clippy::inline_always,
        reason = "what is noted is written where it is to be, and not twice before: 6 of 50 ns"
    )]
    #[inline(always)]
    pub(super) fn note(&mut self, key: K, old: Option<V>) {
        self.noted += 1;
        let undo = Undo { turn: self.turn, key, old };
        let noted = self.ring.push(undo).is_ok();
        assert!(noted, "there is room in the ring");
    }

    #[cold]
    fn make_room(&mut self, record: &Record<K, V>) {
        record.tidy(&mut self.spent, |_| ());
    }

    /// Marks a message boundary: the changes up to here stay. They are let go of `now`, or by whoever looks next: that is the
    /// writer, when it has noted some more.
    pub(super) fn commit(&mut self, record: &Record<K, V>, now: bool) {
        // Nobody else writes it.
        record.boundary.store(record.boundary.load(Ordering::Relaxed) + 1, Ordering::Release);
        self.turn += 1;
        let noted = std::mem::take(&mut self.noted);
        if now || noted > FEW {
            record.tidy(&mut self.spent, |_| ());
        }
    }

    /// Forgets the changes of the message under way, which have been undone.
    pub(super) fn undone(&mut self, record: &Record<K, V>) {
        self.turn += 1;
        self.noted = 0;
        record.tidy(&mut self.spent, |log| log.undone += 1);
    }
}

impl<K, V> Log<K, V> {
    /// Takes what has been noted out of the ring.
    fn empty_ring(&mut self) {
        let Some(ring) = &mut self.ring else { return };
        while let Ok(undo) = ring.pop() {
            self.open.push(undo);
        }
    }

    /// Throws away what is in the ring of messages up to this one: which nobody needs, and which are plain.
    fn forget(&mut self, needed: Turn) {
        let Some(ring) = &mut self.ring else { return };
        let Ok(noted) = ring.read_chunk(ring.slots()) else { return };
        let (first, second) = noted.as_slices();
        let forgotten = [first, second].map(|noted| noted.partition_point(|undo| undo.turn <= needed));
        noted.commit(forgotten[0] + forgotten[1]);
    }

    /// The changes after this message.
    fn since(&mut self, last: Turn) -> Changes<K, V> {
        self.empty_ring();
        if !self.open.is_empty() {
            self.closed.push(self.open.drain(..).collect());
            self.open.shrink_to(ROOM);
        }
        let first = self.closed.partition_point(|segment| ended(segment, last));
        let mut segments = self.closed[first..].iter().cloned();
        Changes { segments: (segments.next(), segments.collect()), last }
    }

    /// Gives up the changes nobody needs any more, if this is the last message that is over: to be dropped outside the lock,
    /// because that is a user's code.
    fn tidy(&mut self, last: Turn, spent: &mut Vec<Undo<K, V>>) -> Segments<K, V> {
        let needed = self.copying.iter().copied().min().map_or(last, |copied| copied.min(last));
        let dropped = match self.closed.partition_point(|segment| ended(segment, needed)) {
            0 => (None, Vec::new()),
            1 if self.closed.len() == 1 => (self.closed.pop(), Vec::new()),
            some => (None, self.closed.drain(..some).collect()),
        };
        match self.open.partition_point(|undo| undo.turn <= needed) {
            0 => (),
            all if all == self.open.len() => std::mem::swap(&mut self.open, spent),
            some => spent.extend(self.open.drain(..some)),
        }
        if self.plain {
            self.forget(needed);
        }
        while let Some(undo) = self.ring.as_mut().and_then(|ring| ring.pop().ok()) {
            if undo.turn <= needed { &mut *spent } else { &mut self.open }.push(undo);
        }
        dropped
    }
}

/// Whether the changes of a segment are all of this message or of those before it.
fn ended<K, V>(segment: &Segment<K, V>, last: Turn) -> bool {
    segment.last().is_none_or(|undo| undo.turn <= last)
}

/// The changes after a message.
pub(super) struct Changes<K, V> {
    segments: Segments<K, V>,
    last: Turn,
}

impl<K, V> Changes<K, V> {
    /// For each change the key, and what was there before it: oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, Option<&V>)> {
        let (first, more) = &self.segments;
        let changes = first.iter().chain(more).flat_map(|segment| segment.iter());
        changes.filter(|undo| undo.turn > self.last).map(|undo| (&undo.key, undo.old.as_ref()))
    }
}

/// A copy of the table under way: while it lives, the record keeps every change since the boundary.
pub(super) struct Copying<'a, K, V> {
    record: &'a Record<K, V>,
    /// The last message it holds.
    last: Turn,
    boundary: u64,
}

impl<K, V> Copying<'_, K, V> {
    /// The boundary the copy is of.
    pub(super) fn boundary(&self) -> u64 {
        self.boundary
    }

    /// Every change since the boundary, once the rows have been copied: all that the copy may have seen.
    pub(super) fn changes(&self) -> Changes<K, V> {
        self.record.lock().since(self.last)
    }
}

impl<K, V> Drop for Copying<'_, K, V> {
    fn drop(&mut self) {
        self.record.tidy(&mut Vec::new(), |log| {
            if let Some(at) = log.copying.iter().position(|last| *last == self.last) {
                log.copying.swap_remove(at);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> (Record<u64, u64>, Notes<u64, u64>) {
        let record = Record::new(16, true);
        let notes = Notes::new(&record);
        (record, notes)
    }

    #[test]
    fn whoever_reads_the_changes_of_each_message_leaves_none_behind() {
        let (record, mut notes) = record();
        for n in 0..100 {
            notes.ready(&record);
            notes.note(n, None);
            assert_eq!(record.changes().iter().collect::<Vec<_>>(), [(&n, None)]);
            notes.commit(&record, false);
        }
        assert!(record.lock().closed.len() <= 1);
    }

    #[test]
    fn the_room_of_a_large_message_that_was_undone_is_given_back() {
        let (record, mut notes) = record();
        for n in 0..100_000 {
            notes.ready(&record);
            notes.note(n, None);
        }
        assert_eq!(record.changes().iter().count(), 100_000);
        notes.undone(&record);
        for n in 0..100 {
            notes.ready(&record);
            notes.note(n, None);
            notes.commit(&record, true);
        }
        assert!(record.lock().open.capacity() + notes.spent.capacity() <= 2 * ROOM);
    }
}
