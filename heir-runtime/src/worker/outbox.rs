//! What a message does beside its writes, and what waits for its commit: messages to others, late
//! replies, closures; and what is known of it, if anybody watches.
//!
//! ```text
//! held -- the message commits --> departs    (in order; then the reply; then the closures)
//!   |
//!   +---- the message dies -----> dropped    (permits go back)
//! ```

use std::sync::Arc;

use crate::util::caught::{PanicMessage, caught, drop_caught};
use crate::util::span::Span;
use crate::util::sync::Lock;
use crate::worker::watched::Watched;

/// Something that waits for the commit, with all that it needs: it cannot fail any more.
pub trait Departs: Send {
    /// The message has committed.
    fn depart(self: Box<Self>);

    /// Whether it departs when the message has committed, and waits for no store.
    #[cfg(feature = "store")]
    fn is_early(&self) -> bool {
        false
    }

    /// The message has died: its permits go back. What it holds beside them is dropped later.
    fn give_permits_back(&mut self) {}
}

/// What a message in progress has to do when it commits. Most have nothing, which costs a look.
///
/// Behind a lock that nobody contends, because a context is `Sync`, whatever is held.
#[derive(Default)]
pub(crate) struct Outbox(Option<Box<Lock<Held>>>);

/// The contents of an outbox. Dropped, it drops what it holds one by one, caught.
#[derive(Default)]
struct Held {
    departs: Vec<Box<dyn Departs>>,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
    watched: Option<Watched>,
    /// The first panic of what has departed.
    panicked: Option<PanicMessage>,
}

impl Outbox {
    /// Somebody watches the message or hook in progress.
    pub(crate) fn watch(&mut self, watched: Watched) {
        let before = self.0.get_or_insert_default().with(|held| held.watched.replace(watched));
        drop(before);
    }

    /// What is known of the message or hook in progress, if anybody watches.
    #[inline]
    pub(crate) fn take_watched(&mut self) -> Option<Watched> {
        if self.is_empty() { None } else { self.take_watched_out() }
    }

    #[cold]
    fn take_watched_out(&mut self) -> Option<Watched> {
        let (watched, is_all) = self.0.as_ref()?.with(|held| {
            let is_all = held.departs.is_empty() && held.after_commit.is_empty() && held.panicked.is_none();
            (held.watched.take(), is_all)
        });
        if is_all {
            self.0 = None;
        }
        watched
    }

    /// Takes out all but who watches: the message goes on.
    #[cfg(feature = "store")]
    pub(super) fn take_effects(&mut self) -> Self {
        let watched = self.take_watched();
        let effects = std::mem::take(self);
        if let Some(watched) = watched {
            self.watch(watched);
        }
        effects
    }

    /// The span of the message or hook in progress, if anybody wants it.
    pub(crate) fn span(&self) -> Option<Arc<Span>> {
        self.0.as_ref()?.with(|held| held.watched.as_ref()?.span.clone())
    }

    /// Adds what departs with the commit.
    pub(super) fn hold(&mut self, departs: Box<dyn Departs>) {
        self.0.get_or_insert_default().with(|held| held.departs.push(departs));
    }

    /// Adds what runs after the commit.
    pub(super) fn after_commit(&mut self, run: Box<dyn FnOnce() + Send>) {
        self.0.get_or_insert_default().with(|held| held.after_commit.push(run));
    }

    /// The message has committed: all that was sent leaves, in order. A panic in the code of a
    /// worker that is written by hand keeps nothing else from leaving, and is told by
    /// [`finish`](Self::finish).
    #[inline]
    pub(crate) fn depart(&mut self) {
        if !self.is_empty() {
            self.depart_held();
        }
    }

    #[cold]
    fn depart_held(&self) {
        let Some(held) = &self.0 else { return };
        self.depart_all(held, held.with(|held| std::mem::take(&mut held.departs)));
    }

    /// The message has committed, and the rest waits for a store: what waits for none leaves.
    #[cfg(feature = "store")]
    pub(crate) fn depart_early(&mut self) {
        let Some(held) = &self.0 else { return };
        self.depart_all(
            held,
            held.with(|held| held.departs.extract_if(.., |held| held.is_early()).collect()),
        );
    }

    fn depart_all(&self, held: &Lock<Held>, mut departs: Vec<Box<dyn Departs>>) {
        let span = self.span();
        let _in_the_span = span.as_deref().map(Span::enter);
        for departs in departs.drain(..) {
            if let Err(panicked) = caught(|| departs.depart()) {
                held.with(|held| {
                    held.panicked.get_or_insert(panicked);
                });
            }
        }
    }

    /// Runs what is to run after the commit, in order. The first panic is returned, and keeps
    /// nothing else from running.
    #[inline]
    pub(crate) fn finish(&mut self) -> Result<(), PanicMessage> {
        match self.0.take() {
            None => Ok(()),
            Some(held) => self.finish_held(held),
        }
    }

    #[cold]
    #[expect(clippy::boxed_local, reason = "it comes in one")]
    fn finish_held(&mut self, held: Box<Lock<Held>>) -> Result<(), PanicMessage> {
        let mut held = held.into_inner();
        // The message may go on: after this commit comes another.
        let watched = held.watched.take();
        let span = watched.as_ref().and_then(|watched| watched.span.clone());
        if let Some(watched) = watched {
            self.watch(watched);
        }
        let _in_the_span = span.as_deref().map(Span::enter);
        run(held)
    }

    /// The message has died: the permits of others go back, whoever settles its tables, and when.
    pub(crate) fn give_permits_back(&mut self) {
        let Some(held) = &self.0 else { return };
        let mut departs = held.with(|held| std::mem::take(&mut held.departs));
        for unsent in &mut departs {
            unsent.give_permits_back();
        }
        held.with(|held| held.departs = departs);
    }

    /// Whether nothing is held that departs, so that no permit of anybody's is.
    pub(super) fn holds_no_permit(&self) -> bool {
        self.0.as_ref().is_none_or(|held| held.with(|held| held.departs.is_empty()))
    }

    /// How much is held that departs.
    pub(crate) fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.with(|held| held.departs.len()))
    }

    /// How much is to run after the commit.
    #[cfg(feature = "testing")]
    pub(crate) fn after_commits(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.with(|held| held.after_commit.len()))
    }

    /// Whether there is nothing to do for the commit.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The message has died: drops all, and returns the first panic.
    pub(crate) fn discard(self) -> Result<(), PanicMessage> {
        self.0.map_or(Ok(()), |held| held.into_inner().clear())
    }
}

fn run(mut held: Held) -> Result<(), PanicMessage> {
    let mut outcome = held.panicked.take().map_or(Ok(()), Err);
    for run in held.after_commit.drain(..) {
        outcome = outcome.and(caught(run));
    }
    outcome
}

impl Held {
    /// One by one: two destructors that panic at once end the process.
    fn clear(&mut self) -> Result<(), PanicMessage> {
        let mut outcome = Ok(());
        for unsent in self.departs.drain(..) {
            outcome = outcome.and(drop_caught(unsent));
        }
        for never_run in self.after_commit.drain(..) {
            outcome = outcome.and(drop_caught(never_run));
        }
        outcome
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}
