//! Signals on their way to an incarnation: it keeps them for its task, or they abort it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;

use crate::process::exit::ExitReason;
use crate::process::inbox::Received;
use crate::process::process::{ABORTED, Fate, Process, SIGNALLED, State};
use crate::process::signal::{ExitSignal, Signal};
use crate::util::sync::Locked;

impl Process {
    /// Names its task, which is known only after it has been started: an exit signal may have been
    /// before that.
    pub(crate) fn runs_as(&self, task: AbortHandle) {
        let mut state = self.lock();
        match state.fate {
            Fate::Alive => state.task = Some(task),
            Fate::Aborted(_) => {
                drop(state);
                task.abort();
            }
            Fate::Ending(_) | Fate::Ended(_) => {}
        }
    }

    /// Sends it an exit signal (`exit/2`).
    pub(crate) fn exit(&self, signal: ExitSignal) {
        self.receive(self.lock(), signal, None);
    }

    /// Aborts it, whether it traps exits or not. Says whether it was alive.
    pub(crate) fn kill(&self, reason: ExitReason) -> bool {
        self.abort_with(self.lock(), reason)
    }

    /// Whether its task has been aborted, or is about to be.
    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.flags.load(Ordering::Acquire) & ABORTED != 0
    }

    /// An await at which its task ends, if it has been aborted.
    #[inline]
    pub(crate) async fn checkpoint(&self) {
        if self.is_aborted() {
            // The abort is on its way.
            pending::<()>().await;
        }
    }

    /// Whether its task has an abort or a signal to look at before the next message.
    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        self.flags.load(Ordering::Acquire) != 0
    }

    /// The signal that comes before the next message, if there is one.
    pub(crate) fn poll_signal(&self) -> Poll<Option<Signal>> {
        if self.is_aborted() {
            // The abort is on its way, and wakes the task.
            return Poll::Pending;
        }
        Poll::Ready(self.next_signal())
    }

    /// Has its task, which waits, woken for the next signal, if it may get one.
    #[inline]
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        if self.listens.load(Ordering::Relaxed) && self.wakes(cx.waker()) {
            cx.waker().wake_by_ref();
        }
    }

    fn next_signal(&self) -> Option<Signal> {
        let received = self.with(|state| {
            let inbox = &mut state.relations().inbox;
            let received = inbox.pop();
            if inbox.is_empty() {
                self.flags.fetch_and(!SIGNALLED, Ordering::Relaxed);
            }
            received
        });
        received.map(Received::into_signal)
    }

    /// Has `waker` woken for the next signal; says whether there is one already.
    fn wakes(&self, waker: &Waker) -> bool {
        self.with(|state| {
            let relations = state.relations();
            if !relations.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                relations.waker = Some(waker.clone());
            }
            !relations.inbox.is_empty()
        })
    }

    /// Gets an exit signal, over a link to the incarnation `over` if there is one.
    pub(super) fn receive(&self, state: Locked<'_, State>, signal: ExitSignal, over: Option<&Arc<Self>>) {
        if self.traps_exits {
            self.enqueue(state, Signal::Exit(signal), over);
        } else if signal.reason != ExitReason::Normal {
            self.abort_with(state, signal.reason);
        }
    }

    /// Keeps a signal for its task, and wakes the task.
    pub(super) fn enqueue(&self, mut state: Locked<'_, State>, signal: Signal, over: Option<&Arc<Self>>) {
        if !matches!(state.fate, Fate::Alive) {
            return;
        }
        let relations = state.relations();
        relations.inbox.push(signal, over.map(|process| &process.outliving));
        self.flags.fetch_or(SIGNALLED, Ordering::Release);
        let waker = relations.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Signals have been taken out of its inbox unserved.
    pub(super) fn settle_flags(&self, state: &State) {
        if state.relations.as_ref().is_none_or(|relations| relations.inbox.is_empty()) {
            self.flags.fetch_and(!SIGNALLED, Ordering::Relaxed);
        }
    }

    fn abort_with(&self, mut state: Locked<'_, State>, reason: ExitReason) -> bool {
        if !matches!(state.fate, Fate::Alive) {
            return false;
        }
        state.fate = Fate::Aborted(reason);
        self.flags.fetch_or(ABORTED, Ordering::Release);
        let task = state.task.clone();
        drop(state);
        if let Some(task) = task {
            task.abort();
        }
        true
    }
}
