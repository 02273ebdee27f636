//! What a handler knows of the incarnation it runs in.

use std::fmt;
use std::sync::Arc;

use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::worker::Handlers;
use crate::worker::handle::WeakHandle;

/// What a handler or hook knows of the incarnation it runs in, and asks of it.
///
/// A handler gets it by naming it: `fn count(&mut self, cx: &mut Context<Self>, key: String)`. It is no part of the message.
pub struct Context<W: Handlers> {
    pub(crate) process: Arc<Process>,
    handle: WeakHandle<W>,
    // In a box: it is the last thing that most incarnations ask for.
    end: Option<Box<ExitReason>>,
    /// The `rollback` tables as they were before the transaction under way.
    pub(crate) saved: Option<W::Saved>,
    /// Whether the message under way has marked a boundary: then it is not served again.
    pub(crate) has_committed: bool,
}

impl<W: Handlers> Context<W> {
    pub(crate) fn new(process: Arc<Process>, handle: WeakHandle<W>) -> Self {
        Self { process, handle, end: None, saved: None, has_committed: false }
    }

    /// The number of this incarnation: a token that only grows, to fence whatever an earlier one still has under way.
    pub fn incarnation(&self) -> u64 {
        self.process.incarnation()
    }

    /// A handle on the worker itself, which does not keep it alive.
    ///
    /// A handler that waits for a call to its own worker waits for ever: use a cast.
    pub fn handle(&self) -> &WeakHandle<W> {
        &self.handle
    }

    /// The worker of this type that is [registered](crate::Spec::registered) under this name, anywhere in the tree (`whereis/1`).
    pub fn whereis<V: Handlers>(&self, name: &str) -> Option<V::Handle> {
        self.handle.registry()?.whereis::<WeakHandle<V>>(name)?.upgrade()
    }

    /// Ends this incarnation, with reason [`Normal`](ExitReason::Normal), once this message has committed
    /// (`{stop, normal, State}`). Whether another one follows is for its [`Restart`](crate::Restart) type to say.
    pub fn stop(&mut self) {
        self.stop_with(ExitReason::Normal);
    }

    /// Ends this incarnation for any reason, once this message has committed (`{stop, Reason, State}`): for
    /// [`ExitReason::shutdown("words")`](ExitReason::shutdown) it is `{stop, {shutdown, Words}, State}`. The stop hook runs.
    pub fn stop_with(&mut self, reason: ExitReason) {
        self.end = Some(Box::new(reason));
    }

    /// Ends this incarnation, with reason [`Error`](ExitReason::Error), once this message has committed.
    pub fn fail(&mut self, error: impl fmt::Display) {
        self.stop_with(ExitReason::error(error));
    }

    /// Marks a message boundary in the middle of a long message: what `worker` has written to its recorded and `rollback`
    /// tables up to here stays, whatever becomes of the rest. Call it as `cx.commit(self)`.
    ///
    /// A caller that is then told that the worker died may find the part before the boundary done; the message is not served
    /// again, whatever its `#[redeliver]` says.
    pub fn commit(&mut self, worker: &mut W) {
        // First what may panic: until it is done, the old boundary holds.
        let saved = worker.save();
        worker.commit();
        self.has_committed = true;
        self.saved = Some(saved);
    }

    pub(crate) fn asked_to_end(&mut self) -> Option<ExitReason> {
        self.end.take().map(|reason| *reason)
    }
}

impl<W: Handlers> fmt::Debug for Context<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("incarnation", &self.incarnation()).finish_non_exhaustive()
    }
}
