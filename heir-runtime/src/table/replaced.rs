//! The rows that commits have replaced, for the snapshots that still need them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::util::sync::Lock;

/// What commits have replaced while snapshots are taken: nothing before the first snapshot.
pub(super) struct Replaced<U> {
    kept: Lock<Option<Box<Kept<U>>>>,
    /// Whether there may be some.
    is_some: AtomicBool,
}

struct Kept<U> {
    /// Oldest first, each with its boundary.
    undone: VecDeque<(u64, Arc<U>)>,
    /// How many there were before these.
    given_up: u64,
}

impl<U> Replaced<U> {
    pub(super) fn new() -> Self {
        Self { kept: Lock::new(None), is_some: AtomicBool::new(false) }
    }

    #[cold]
    pub(super) fn push(&self, boundary: u64, undo: U) {
        let undo = Arc::new(undo);
        self.kept.with(|kept| {
            let kept = kept.get_or_insert_with(|| Box::new(Kept { undone: VecDeque::new(), given_up: 0 }));
            kept.undone.push_back((boundary, undo));
            self.is_some.store(true, Ordering::Relaxed);
        });
    }

    /// Whether there may be some.
    #[inline]
    pub(super) fn is_some(&self) -> bool {
        self.is_some.load(Ordering::Relaxed)
    }

    /// What commits after this boundary have replaced, oldest first, but for the first `known`, of
    /// which the caller has been told; `known` counts all of them after that.
    pub(super) fn since(&self, boundary: u64, known: &mut u64) -> Vec<Arc<U>> {
        self.kept.with(|kept| {
            let Some(kept) = kept else { return Vec::new() };
            let told = usize::try_from(known.saturating_sub(kept.given_up)).unwrap_or(usize::MAX);
            let older = if told == 0 { kept.undone.partition_point(|(at, _)| *at <= boundary) } else { told };
            *known = kept.given_up + kept.undone.len() as u64;
            kept.undone.range(older..).map(|(_, undo)| Arc::clone(undo)).collect()
        })
    }

    /// Gives up what commits up to this boundary have replaced, for the caller to drop.
    pub(super) fn give_up(&self, last: u64) -> Vec<Arc<U>> {
        self.kept.with(|kept| {
            let Some(kept) = kept else { return Vec::new() };
            let unneeded = kept.undone.partition_point(|(boundary, _)| *boundary <= last);
            kept.given_up += unneeded as u64;
            self.is_some.store(unneeded < kept.undone.len(), Ordering::Relaxed);
            kept.undone.drain(..unneeded).map(|(_, undo)| undo).collect()
        })
    }

    /// Gives up everything.
    pub(super) fn take(&self) -> Vec<Arc<U>> {
        self.give_up(u64::MAX)
    }
}
