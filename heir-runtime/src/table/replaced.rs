//! The rows that commits have replaced, for the snapshots that still need them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::util::sync::Lock;

/// What commits have replaced while snapshots are taken, oldest first, each with its boundary.
pub(super) struct Replaced<U>(Lock<VecDeque<(u64, Arc<U>)>>);

impl<U> Replaced<U> {
    pub(super) fn new() -> Self {
        Self(Lock::new(VecDeque::new()))
    }

    pub(super) fn push(&self, boundary: u64, undo: U) {
        let undo = Arc::new(undo);
        self.0.with(|replaced| replaced.push_back((boundary, undo)));
    }

    /// What commits after this boundary have replaced, newest first.
    pub(super) fn since(&self, boundary: u64) -> Vec<Arc<U>> {
        self.0.with(|replaced| {
            let newer = replaced.iter().rev().take_while(|(at, _)| *at > boundary);
            newer.map(|(_, undo)| Arc::clone(undo)).collect()
        })
    }

    /// Gives up what commits up to this boundary have replaced, for the caller to drop.
    pub(super) fn give_up(&self, last: u64) -> Vec<Arc<U>> {
        self.0.with(|replaced| {
            let unneeded = replaced.partition_point(|(boundary, _)| *boundary <= last);
            replaced.drain(..unneeded).map(|(_, undo)| undo).collect()
        })
    }

    /// Gives up everything.
    pub(super) fn take(&self) -> Vec<Arc<U>> {
        self.0.take().into_iter().map(|(_, undo)| undo).collect()
    }
}
