//! Commits that a journal keeps before anybody else sees them.
//!
//! ```text
//! write sets -- prepare, encode --> a commit, with its number -- append --> the journal keeps it
//!     |                               |        ^
//!     |                               |        +-- the owner goes on to see it
//!     |                               +-- show_up_to, in any thread --> committed rows
//!     +-- the message dies: discard       (what was replaced returns to the owner, to be dropped)
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};

use super::journal::Journal;
use crate::util::sync::{Lock, WatchMany};

/// The commits of a worker that are not shown yet, oldest first. A commit is a `C`.
pub(super) struct Unshown<C> {
    pub(super) journal: Arc<dyn Journal>,
    queue: Lock<VecDeque<(u64, C)>>,
    /// The number of the last commit.
    last: AtomicU64,
    /// Locked while commits are shown, so that they are in order.
    showing: Lock<()>,
    /// Told after commits were shown.
    shown: WatchMany<()>,
    /// Whether commits have been shown since the owner last dropped what they had replaced.
    has_replaced: AtomicBool,
    /// The task of the owner, while it waits for messages: a task of ours.
    owner: Lock<Option<Waker>>,
}

impl<C> Unshown<C> {
    pub(super) fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal,
            queue: Lock::default(),
            last: AtomicU64::new(0),
            showing: Lock::default(),
            shown: WatchMany::new(()),
            has_replaced: AtomicBool::new(false),
            owner: Lock::default(),
        }
    }

    /// The number of the last commit that was put here.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Puts the next commit behind the others.
    pub(super) fn push(&self, number: u64, commit: C) {
        self.queue.with(|queue| queue.push_back((number, commit)));
        self.last.store(number, Ordering::Release);
    }

    /// Shows the commits up to this number, in order.
    pub(super) fn show_up_to(&self, number: u64, mut show: impl FnMut(C)) {
        let next = || self.queue.with(|queue| queue.pop_front_if(|(next, _)| *next <= number));
        self.showing.with(|()| {
            while let Some((_, commit)) = next() {
                show(commit);
                self.has_replaced.store(true, Ordering::Release);
            }
        });
        self.shown.update(|()| ());
        if let Some(owner) = self.owner.take() {
            owner.wake();
        }
    }

    /// Takes the commits out that are not shown, for the caller to drop: the last one is then the last
    /// that was shown, which `shown` knows.
    pub(super) fn forget(&self, shown: impl FnOnce() -> u64) -> Vec<C> {
        let forgotten = self.showing.with(|()| {
            let forgotten = self.queue.take();
            self.last.store(shown(), Ordering::Release);
            forgotten
        });
        self.shown.update(|()| ());
        forgotten.into_iter().map(|(_, commit)| commit).collect()
    }

    /// Waits until no commit is left to be shown.
    ///
    /// Cancel safe.
    pub(super) async fn until_all_shown(&self) {
        self.shown.until(|()| self.queue.with(|queue| queue.is_empty()).then_some(())).await;
        // The last one may have left the queue, and not be shown.
        self.showing.with(|()| ());
    }

    /// Whether the owner, which waits for messages, has something to drop. It is woken when it has.
    pub(super) fn poll_replaced(&self, cx: &Context<'_>) -> bool {
        let before = self.owner.replace(Some(cx.waker().clone()));
        drop(before);
        self.has_replaced.swap(false, Ordering::AcqRel)
    }
}

impl<C> fmt::Debug for Unshown<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unshown").finish_non_exhaustive()
    }
}
