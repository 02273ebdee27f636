//! The message boundaries of a worker's recorded tables, and the snapshots that are taken of them.
//!
//! ```text
//! owner      ── passing := true ── are there snapshots? ── apply ── last += 1 ── passing := false ──▶
//! a snapshot ── I am there ── wait until passing is false ── of boundary `last` ── copy ── ..
//! ```
//! The owner and the snapshot each say what they do before they look at the other: so the owner keeps
//! what it replaces for the snapshot, or the snapshot waits until the owner has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::journal::Journal;
use super::lock;
use super::replaced::Replaced;
use super::unshown::Unshown;
use crate::util::sync::Lock;

/// A commit that is shown later: its part of each table.
pub(super) type Prepared = Vec<Box<dyn PreparedTable>>;

/// What a commit has written to one table.
#[doc(hidden)]
pub trait PreparedTable: Send {
    /// Makes it visible. Only moves.
    fn show(&mut self, passing: &Passing<'_>);

    /// Drops it: it is never shown. Catches.
    fn forget(self: Box<Self>);
}

/// Where the commits of one worker pass, one by one: a commit makes the writes to all of its tables
/// visible between two boundaries, and a snapshot is of one boundary.
#[derive(Debug)]
pub struct Boundaries {
    /// How many commits have written. The commit that passes counts itself.
    last: AtomicU64,
    /// Whether a commit is passing.
    is_passed: AtomicBool,
    /// How many snapshots are being taken.
    snapshots: AtomicUsize,
    /// The boundaries of these snapshots.
    of: Lock<Vec<u64>>,
    /// How often all rows have been exchanged for others.
    exchanges: AtomicU64,
    /// The commits that a journal keeps before they are shown, if there is one.
    unshown: Option<Box<Unshown<Prepared>>>,
}

impl Boundaries {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(None)
    }

    /// Commits pass when this journal says so.
    pub(super) fn kept_by(journal: Arc<dyn Journal>) -> Arc<Self> {
        Self::with(Some(Box::new(Unshown::new(journal))))
    }

    fn with(unshown: Option<Box<Unshown<Prepared>>>) -> Arc<Self> {
        Arc::new(Self {
            last: AtomicU64::new(0),
            is_passed: AtomicBool::new(false),
            snapshots: AtomicUsize::new(0),
            of: Lock::new(Vec::new()),
            exchanges: AtomicU64::new(0),
            unshown,
        })
    }

    /// The commits that a journal keeps before they are shown, if there is one.
    #[inline]
    pub(super) fn unshown(&self) -> Option<&Unshown<Prepared>> {
        self.unshown.as_deref()
    }

    /// The number of the last commit, shown or not.
    pub(super) fn last_commit(&self) -> u64 {
        // Tables that were exchanged have passed a boundary without a journal.
        self.unshown().map_or(0, Unshown::last).max(self.last())
    }

    /// Shows the commits up to this number that a journal has kept.
    pub(super) fn show_up_to(&self, commit: u64) {
        if let Some(unshown) = self.unshown() {
            // Before a commit has left the queue.
            Self::refuse_under_a_lock();
            unshown.show_up_to(commit, |mut tables| {
                let passing = self.pass();
                for table in &mut tables {
                    table.show(&passing);
                }
                passing.finish();
            });
        }
    }

    /// Drops the commits that are not shown, as if there had been none. Catches.
    pub(super) fn forget_unshown(&self) {
        if let Some(unshown) = self.unshown() {
            unshown.forget(|| self.last()).into_iter().flatten().for_each(PreparedTable::forget);
        }
    }

    /// The number of the last boundary.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Goes on after this boundary: for rows that were committed elsewhere.
    pub(super) fn go_on_after(&self, boundary: u64) {
        self.last.store(boundary, Ordering::Release);
    }

    /// Begins to make the writes of a message visible. Nobody else does, unless somebody commits
    /// claimed tables in two threads.
    #[inline]
    pub(crate) fn pass(&self) -> Passing<'_> {
        Self::refuse_under_a_lock();
        while self.is_passed.swap(true, Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Passing { boundaries: self, keeps: self.snapshots.load(Ordering::SeqCst) > 0 }
    }

    /// A snapshot may wait for this thread, and this thread would wait for its lock of rows.
    ///
    /// # Panics
    /// In a user's code that runs under the lock of rows.
    #[inline]
    pub(super) fn refuse_under_a_lock() {
        assert!(!lock::is_held(), "a table was committed in the `Clone`, `Eq` or `Ord` of a row of a table");
    }

    /// Begins a snapshot of the last boundary.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Taking {
        assert!(
            !lock::is_held(),
            "a snapshot was asked for in the `Clone`, `Eq` or `Ord` of a row of a table"
        );
        self.snapshots.fetch_add(1, Ordering::SeqCst);
        let exchanges = self.exchanges.load(Ordering::Acquire);
        let boundary = self.of.with(|of| {
            // Under this lock, because a table looks here before it drops what it has replaced.
            let boundary = self.when_passed(Self::last);
            of.push(boundary);
            boundary
        });
        Taking { boundaries: Arc::clone(self), boundary, exchanges }
    }

    /// Whether a snapshot is being taken.
    pub(super) fn are_copied(&self) -> bool {
        self.snapshots.load(Ordering::SeqCst) > 0
    }

    /// The boundary up to which no snapshot needs the rows that were replaced: neither a snapshot that
    /// is being taken nor a later one.
    pub(super) fn needed_by_none(&self) -> u64 {
        self.of.with(|of| of.iter().copied().min().unwrap_or_else(|| self.last()))
    }

    /// Looks at something when the commit that is passing, if there is one, has passed: a commit only
    /// moves rows.
    fn when_passed<R>(&self, look: impl FnOnce(&Self) -> R) -> R {
        while self.is_passed.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        look(self)
    }
}

/// A commit that makes its writes visible: the next boundary is reached when it is finished.
#[derive(Debug)]
pub struct Passing<'a> {
    boundaries: &'a Boundaries,
    keeps: bool,
}

impl Passing<'_> {
    /// The number of the boundary that this commit reaches.
    pub(super) fn number(&self) -> u64 {
        self.boundaries.last.load(Ordering::Relaxed) + 1
    }

    /// Whether a snapshot needs the rows that this commit replaces.
    #[inline]
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// All rows are exchanged for others: snapshots begin anew.
    pub(super) fn exchanges(&mut self) {
        self.boundaries.exchanges.fetch_add(1, Ordering::AcqRel);
    }

    /// Reaches a boundary of this number, or goes on at the last one if that is greater.
    #[cfg(feature = "store")]
    pub(super) fn finish_at(self, number: u64) {
        self.boundaries.go_on_after(number.max(self.boundaries.last()));
    }

    #[inline]
    pub(crate) fn finish(self) {
        self.boundaries.last.store(self.number(), Ordering::Release);
    }
}

impl Drop for Passing<'_> {
    #[inline]
    fn drop(&mut self) {
        self.boundaries.is_passed.store(false, Ordering::Release);
    }
}

/// A snapshot that is being taken: while it lives, tables keep the rows that are replaced.
#[derive(Debug)]
pub struct Taking {
    boundaries: Arc<Boundaries>,
    boundary: u64,
    exchanges: u64,
}

impl Taking {
    pub(super) fn boundary(&self) -> u64 {
        self.boundary
    }

    /// What commits after this boundary have replaced, once the rows have been copied, oldest first:
    /// but for the first `known`, of which the caller has been told.
    pub(super) fn replaced<U>(
        &self,
        replaced: &Replaced<U>,
        known: &mut u64,
    ) -> Result<Vec<Arc<U>>, Exchanged> {
        // A commit that is passing may have shown the copy a row, and not yet told what it was.
        self.boundaries.when_passed(|boundaries| {
            let exchanges = boundaries.exchanges.load(Ordering::Acquire);
            if exchanges == self.exchanges {
                Ok(replaced.since(self.boundary, known))
            } else {
                Err(Exchanged)
            }
        })
    }
}

/// All rows have been exchanged for others while a snapshot was taken: the copy is of no use.
#[derive(Debug)]
pub(super) struct Exchanged;

impl Drop for Taking {
    fn drop(&mut self) {
        self.boundaries.of.with(|of| {
            if let Some(at) = of.iter().position(|boundary| *boundary == self.boundary) {
                of.swap_remove(at);
            }
        });
        self.boundaries.snapshots.fetch_sub(1, Ordering::SeqCst);
    }
}
