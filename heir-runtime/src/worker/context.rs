//! The context of a handler: the incarnation it runs in.

use std::fmt;
use std::sync::Arc;

use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::table::{Commit, Readers};
use crate::worker::Handlers;
use crate::worker::handle::WeakHandle;

/// The incarnation that a handler or hook runs in: its number, its handle, its end, and the links,
/// monitors, timers and tasks that live with it (`self()` and the functions on it).
///
/// A handler gets the context by naming it. It is no part of the message.
///
/// ```
/// use heir_runtime::{Context, handlers, heir};
///
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     /// The worker ends when it has counted to 10.
///     fn count(&mut self, cx: &mut Context<Self>) -> u64 {
///         self.count += 1;
///         if self.count == 10 {
///             cx.stop();
///         }
///         self.count
///     }
/// }
/// ```
pub struct Context<W: Handlers> {
    pub(crate) process: Arc<Process>,
    handle: WeakHandle<W>,
    /// The reason for which a handler has asked to end. In a box, because most never ask.
    end: Option<Box<ExitReason>>,
    /// The `rollback` tables as they were before the transaction in progress.
    pub(crate) saved: Option<W::Saved>,
    /// The readers of the worker's recorded tables.
    pub(crate) readers: Readers,
    /// Whether the message in progress has marked a boundary: then it is not served again.
    pub(crate) has_committed: bool,
}

impl<W: Handlers> Context<W> {
    pub(crate) fn new(process: Arc<Process>, handle: WeakHandle<W>, readers: Readers) -> Self {
        Self { process, handle, end: None, saved: None, readers, has_committed: false }
    }

    /// The number of this incarnation. It only grows, so it can serve as a fencing token against
    /// work that an earlier incarnation still has in progress elsewhere.
    pub fn incarnation(&self) -> u64 {
        self.process.incarnation()
    }

    /// A handle on the worker itself, which does not keep it alive.
    ///
    /// A handler that waits for a call to its own worker waits for ever: use a cast.
    pub fn handle(&self) -> &WeakHandle<W> {
        &self.handle
    }

    /// The handle on the worker of this type that is [registered](crate::Spec::registered) under
    /// this name, anywhere in the tree (`whereis/1`).
    pub fn whereis<V: Handlers>(&self, name: &str) -> Option<V::Handle> {
        WeakHandle::<V>::whereis(&self.handle.registry()?, name)
    }

    /// Ends this incarnation with the reason [`Normal`](ExitReason::Normal), once this message has
    /// committed (`{stop, normal, State}`). Its [`Restart`](crate::Restart) type decides whether
    /// another incarnation follows.
    pub fn stop(&mut self) {
        self.stop_with(ExitReason::Normal);
    }

    /// Ends this incarnation with any reason, once this message has committed and the stop hook has
    /// run (`{stop, Reason, State}`; [`ExitReason::shutdown("words")`](ExitReason::shutdown) is
    /// `{shutdown, Words}`).
    pub fn stop_with(&mut self, reason: ExitReason) {
        self.end = Some(Box::new(reason));
    }

    /// Ends this incarnation with the reason [`Error`](ExitReason::Error), once this message has
    /// committed.
    pub fn fail(&mut self, error: impl fmt::Display) {
        self.stop_with(ExitReason::error(error));
    }

    /// Marks a message boundary in the middle of a long message: the writes of `worker` to its
    /// recorded and `rollback` tables up to here stay, whatever becomes of the rest. Call it as
    /// `cx.commit(self)`.
    ///
    /// If the worker dies afterwards, its caller may find the part before the boundary done; the
    /// message is not served again, whatever its `#[redeliver]` says.
    ///
    /// # Panics
    /// If the `clone` of a `rollback` table does, or if a recorded table was taken out of its worker
    /// or swapped with another. Then the boundary before holds.
    pub fn commit(&mut self, worker: &mut W) {
        // `save` clones, and may panic: until it is done, the boundary before holds.
        let saved = worker.save();
        worker.commit(Commit::of(&self.readers));
        self.has_committed = true;
        self.saved = Some(saved);
    }

    /// Takes the reason for which a handler or hook has asked to end.
    pub(crate) fn asked_to_end(&mut self) -> Option<ExitReason> {
        self.end.take().map(|reason| *reason)
    }
}

impl<W: Handlers> fmt::Debug for Context<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("incarnation", &self.incarnation()).finish_non_exhaustive()
    }
}
