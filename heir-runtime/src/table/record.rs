//! The record: what each message changed, in order, so that it can be undone, or read forwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One change: the key, and what was there before it. (What is there after it is in the next change of the same key, or in
/// the table: the record does not hold it a second time.)
pub(super) type Undo<K, V> = (K, Option<V>);

/// Changes that are only read from now on.
pub(super) type Segment<K, V> = Arc<[Undo<K, V>]>;

/// The changes of one table since its last message boundary, and, while a snapshot is being copied, those before it
/// that the copy must undo.
///
/// Under a lock that is held for a push or the exchange of a few pointers, never while a user's code runs: so the writer
/// does not wait for a snapshot, nor a snapshot for a message.
pub(super) struct Record<K, V> {
    /// How many messages have been committed: the number of the last boundary. The writer moves it on, without the lock:
    /// that is all a commit has to do. What was recorded before is given up by whoever takes the lock next.
    boundary: AtomicU64,
    log: Mutex<Log<K, V>>,
}

struct Log<K, V> {
    /// The boundary behind which the message under way began, as far as anybody has looked.
    boundary: u64,
    /// Closed segments, oldest first.
    closed: Vec<Segment<K, V>>,
    /// How many segments have gone before `closed[0]`.
    gone: usize,
    /// Where the message under way begins, counted from the very first segment.
    begin: usize,
    /// The newest changes.
    open: Vec<Undo<K, V>>,
    /// Where the snapshots being copied begin.
    copying: Vec<usize>,
}

/// How much room for changes a table keeps from message to message.
const ROOM: usize = 1024;

impl<K, V> Record<K, V> {
    pub(super) fn new() -> Self {
        let log =
            Log { boundary: 0, closed: Vec::new(), gone: 0, begin: 0, open: Vec::new(), copying: Vec::new() };
        Self { boundary: AtomicU64::new(0), log: Mutex::new(log) }
    }

    fn lock(&self) -> MutexGuard<'_, Log<K, V>> {
        // No user's code runs under it, so what it guards is never half-written.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change that is about to be made.
    ///
    /// `spent` is empty before and after: it is where changes that nobody needs any more are let go of, outside the lock,
    /// and its room is used again.
    pub(super) fn push(&self, key: K, old: Option<V>, spent: &mut Vec<Undo<K, V>>) {
        let mut log = self.lock();
        let dropped = log.catch_up(self.boundary(), spent);
        log.open.push((key, old));
        drop(log);
        let_go(dropped, spent);
    }

    /// The number of the last boundary.
    pub(super) fn boundary(&self) -> u64 {
        self.boundary.load(Ordering::Acquire)
    }

    /// The changes of the message under way, oldest first.
    pub(super) fn changes(&self) -> Vec<Segment<K, V>> {
        let mut spent = Vec::new();
        let mut log = self.lock();
        let dropped = log.catch_up(self.boundary(), &mut spent);
        log.close();
        let changes = log.since(log.begin);
        drop(log);
        let_go(dropped, &mut spent);
        changes
    }

    /// The newest changes of the message under way but those of `after` segments, if there are any: one by one, they need no
    /// list.
    pub(super) fn newest_but(&self, after: usize) -> Option<Segment<K, V>> {
        let mut log = self.lock();
        log.close();
        let at = log.closed.len().checked_sub(after + 1)?;
        (at + log.gone >= log.begin).then(|| Arc::clone(&log.closed[at]))
    }

    /// Marks a message boundary: the changes up to here stay. For the one writer.
    pub(super) fn commit(&self) {
        // Nobody else writes it.
        self.boundary.store(self.boundary.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Gives up what nobody needs any more, rather than leave it to whoever comes next.
    pub(super) fn let_go(&self, spent: &mut Vec<Undo<K, V>>) {
        let mut log = self.lock();
        let dropped = log.catch_up(self.boundary(), spent);
        drop(log);
        let_go(dropped, spent);
    }

    /// Forgets the changes of the message under way, which have been undone.
    pub(super) fn undone(&self, spent: &mut Vec<Undo<K, V>>) {
        let mut log = self.lock();
        let dropped = log.next_message(spent);
        drop(log);
        let_go(dropped, spent);
    }

    /// Begins a copy of the table as of the last boundary.
    pub(super) fn copy(&self) -> Copying<'_, K, V> {
        let mut spent = Vec::new();
        let mut log = self.lock();
        let boundary = self.boundary();
        let dropped = log.catch_up(boundary, &mut spent);
        let begin = log.begin;
        log.copying.push(begin);
        drop(log);
        // Made before a user's destructor runs: from here on, the copy's end is certain.
        let copying = Copying { record: self, begin, boundary };
        let_go(dropped, &mut spent);
        copying
    }
}

fn let_go<K, V>(dropped: Vec<Segment<K, V>>, spent: &mut Vec<Undo<K, V>>) {
    drop(dropped);
    if !spent.is_empty() {
        spent.clear();
        spent.shrink_to(ROOM);
    }
}

impl<K, V> Log<K, V> {
    fn close(&mut self) {
        if !self.open.is_empty() {
            self.closed.push(self.open.drain(..).collect());
        }
    }

    fn since(&self, begin: usize) -> Vec<Segment<K, V>> {
        self.closed[begin - self.gone..].to_vec()
    }

    /// Learns of a boundary that has been marked since anybody looked.
    fn catch_up(&mut self, boundary: u64, spent: &mut Vec<Undo<K, V>>) -> Vec<Segment<K, V>> {
        if self.boundary == boundary {
            return Vec::new();
        }
        self.boundary = boundary;
        self.next_message(spent)
    }

    /// Begins a message, and gives up the changes nobody needs any more.
    fn next_message(&mut self, spent: &mut Vec<Undo<K, V>>) -> Vec<Segment<K, V>> {
        if self.closed.is_empty() && self.copying.is_empty() {
            if std::mem::needs_drop::<Undo<K, V>>() {
                std::mem::swap(&mut self.open, spent);
            } else {
                self.open.clear();
                self.open.shrink_to(ROOM);
            }
            return Vec::new();
        }
        self.close();
        self.begin = self.gone + self.closed.len();
        self.trim()
    }

    fn trim(&mut self) -> Vec<Segment<K, V>> {
        let needed = self.copying.iter().copied().min().unwrap_or(self.begin).min(self.begin);
        let dropped = self.closed.drain(..needed - self.gone).collect();
        self.gone = needed;
        dropped
    }
}

/// A copy of the table under way: while it lives, the record keeps every change since the boundary.
pub(super) struct Copying<'a, K, V> {
    record: &'a Record<K, V>,
    begin: usize,
    boundary: u64,
}

impl<K, V> Copying<'_, K, V> {
    /// The boundary the copy is of.
    pub(super) fn boundary(&self) -> u64 {
        self.boundary
    }

    /// Every change since the boundary, oldest first, once the rows have been copied: all that the copy may have seen.
    pub(super) fn changes(&self) -> Vec<Segment<K, V>> {
        let mut log = self.record.lock();
        log.close();
        log.since(self.begin)
    }
}

impl<K, V> Drop for Copying<'_, K, V> {
    fn drop(&mut self) {
        let mut log = self.record.lock();
        if let Some(at) = log.copying.iter().position(|begin| *begin == self.begin) {
            log.copying.swap_remove(at);
        }
        let dropped = log.trim();
        drop(log);
        drop(dropped);
    }
}
