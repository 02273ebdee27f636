//! The mailbox, as its worker and its supervisor see it. Senders come in by `permits.rs`.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use tokio::sync::Notify;
use tokio::task;
use tokio::task::coop::poll_proceed;

use crate::mailbox::message::{Caller, Message, OwnClock, Tell, Watched};
use crate::mailbox::queue::{Envelope, InProgress, Queue};
use crate::mailbox::refusal::Refusal;
use crate::mailbox::undelivered::OnUndelivered;
use crate::process::status::Stopped;
use crate::util::caught::{caught, drop_caught, guarded, wake_caught};
use crate::util::sync::{AtomicBool, Lock, Locked};

/// The bounded queue of one worker, which outlives its incarnations. The incarnation that serves
/// takes the messages out, one by one. The supervisor can close it at any time, even under a worker
/// that does not yield.
pub(crate) struct Mailbox<M> {
    /// The worker's name.
    worker: Arc<str>,
    /// The worker's type, under which what is refused is counted.
    #[cfg(feature = "metrics")]
    kind: &'static str,
    /// Locked to move a message in or out; never while a message is served, nor while any code runs
    /// that is not ours.
    queue: Lock<Queue<M>>,
    /// Whether the incarnation that serves took the last message out, and will be woken for the
    /// next message: then it need not look.
    drained: AtomicBool,
    /// How many messages were refused because the mailbox was closed.
    refused: AtomicUsize,
    /// Notified while the mailbox is paused: no message is in progress any more, or it is closed.
    at_rest: Notify,
    on_undelivered: Option<OnUndelivered>,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(
        worker: Arc<str>,
        #[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "nothing is counted"))]
        kind: &'static str,
        capacity: usize,
        on_undelivered: Option<OnUndelivered>,
    ) -> Self {
        Self {
            worker,
            #[cfg(feature = "metrics")]
            kind,
            queue: Lock::new(Queue::new(capacity)),
            drained: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            at_rest: Notify::new(),
            on_undelivered,
        }
    }

    /// The worker's name.
    pub(super) fn worker(&self) -> &Arc<str> {
        &self.worker
    }

    /// The caller of the message in progress, or what stands in its place.
    pub(crate) fn caller_in_progress(&self) -> Option<Arc<dyn Caller>> {
        self.lock().in_progress.as_ref()?.caller.clone()
    }

    /// How many messages wait.
    pub(crate) fn queued(&self) -> usize {
        self.lock().messages.len()
    }

    /// The next message, for the one incarnation that owns the tables. The message before it counts
    /// as served. A closed mailbox has no message any more, and stays pending: the supervisor says
    /// when the worker stops.
    ///
    /// Cancel safe. Only one task polls it, until that task has [`left`](Self::left).
    pub(crate) fn poll_next(&self, incarnation: u64, cx: &mut Context<'_>) -> Poll<M> {
        if self.drained.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // A full mailbox keeps no thread to itself: its worker yields now and then, as with tokio's
        // own channels.
        let turn = ready!(poll_proceed(cx));
        let mut queue = self.lock();
        let before = queue.in_progress.take();
        if queue.paused {
            queue.wait(cx);
            drop(queue);
            self.at_rest.notify_waiters();
            return Poll::Pending;
        }
        let next = queue.again.take().map(|again| again.0).or_else(|| queue.messages.pop_front());
        let has_permit = next.as_ref().is_some_and(|next| next.has_permit);
        let next_waiting = if has_permit { queue.waitlist.return_permit() } else { None };
        if queue.messages.is_empty() {
            // The waker is left before the message is served: mostly no other comes meanwhile.
            queue.wait(cx);
            self.drained.store(true, Ordering::Relaxed);
        }
        let Some(Envelope { message, caller, .. }) = next else { return Poll::Pending };
        queue.in_progress = Some(InProgress { incarnation, caller });
        queue.after_a_tick = false;
        drop(queue);
        drop(before);
        turn.made_progress();
        if let Some(sender) = next_waiting {
            wake_caught(sender);
        }
        Poll::Ready(message)
    }

    /// The task of this call serves from here on.
    pub(crate) fn serve_here(&self) {
        self.lock().served_by = task::try_id();
    }

    /// Has a tick of the worker's clock be the message in progress; the message before it counts as
    /// served. Says whether it is the tick's turn: not while the mailbox is paused or closed, not
    /// before a message that is served again, and not after another tick while messages wait.
    pub(crate) fn begin_tick(&self, incarnation: u64) -> bool {
        let mut queue = self.lock();
        let waits = queue.paused
            || queue.closed.is_some()
            || queue.again.is_some()
            || (queue.after_a_tick && !queue.messages.is_empty());
        if waits {
            return false;
        }
        let tick = InProgress { incarnation, caller: Some(Arc::new(OwnClock)) };
        let before = queue.in_progress.replace(tick);
        queue.after_a_tick = true;
        drop(queue);
        drop(before);
        true
    }

    /// Whether it is neither paused nor closed.
    pub(crate) fn hands_out(&self) -> bool {
        let queue = self.lock();
        !queue.paused && queue.closed.is_none()
    }

    /// The incarnation has ended, and has put the message in progress back if it is to be served
    /// again. Called before its tables are home. Returns the caller of the message in progress.
    pub(crate) fn left(&self) -> Option<Arc<dyn Caller>> {
        let mut queue = self.lock();
        queue.served_by = None;
        let waiting = self.take_waiting(&mut queue);
        let served = self.rest(queue);
        drop(waiting);
        served?.caller
    }

    /// The last message is served, and the incarnation does something else before it looks for the
    /// next.
    pub(crate) fn served(&self) {
        let served = self.rest(self.lock());
        drop(served);
    }

    /// The message in progress has committed, and its reply has left, or comes later: its caller is
    /// not told of what becomes of the incarnation.
    pub(crate) fn answered(&self) {
        let caller = self.lock().in_progress.as_mut().and_then(|served| served.caller.take());
        drop(caller);
    }

    /// No message is in progress any more. Returns the message that was.
    fn rest(&self, mut queue: Locked<'_, Queue<M>>) -> Option<InProgress> {
        let served = queue.in_progress.take();
        let is_at_rest = served.is_some() && queue.paused;
        drop(queue);
        if is_at_rest {
            self.at_rest.notify_waiters();
        }
        served
    }

    /// This incarnation does not yield to the runtime: tells the caller of the message it serves.
    pub(crate) fn abandon(&self, incarnation: u64) {
        let caller = match &self.lock().in_progress {
            Some(served) if served.incarnation == incarnation => served.caller.clone(),
            Some(_) | None => None,
        };
        let why = Refusal::Unresponsive { incarnation };
        if let Some(caller) = Watched::refused(caller, &why) {
            caller.refuse(why);
        }
    }

    /// Whether the next message has been served before, by an incarnation that died over it.
    pub(crate) fn has_message_again(&self) -> bool {
        self.lock().again.is_some()
    }

    /// Puts back the message that was in progress, to be served again before all others. A closed
    /// mailbox returns it.
    pub(crate) fn put_first(&self, message: M, died: Refusal) -> Result<(), (M, Refusal)> {
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return Err((message, died));
        }
        let caller = queue.in_progress.as_ref().and_then(|served| served.caller.clone());
        queue.again = Some(Box::new((Envelope { message, caller, has_permit: false }, died)));
        Ok(())
    }

    /// Hands out no more messages, and waits until none is in progress. The mailbox stays paused if
    /// the future is dropped.
    pub(crate) async fn pause(&self) -> Result<(), Stopped> {
        self.stop_handing_out();
        loop {
            let mut at_rest = pin!(self.at_rest.notified());
            // Registered before it looks: a change between the look and the await wakes it.
            at_rest.as_mut().enable();
            if let Some(outcome) = self.paused() {
                return outcome;
            }
            // The waker, which may be a user's, is woken in the task of the worker.
            guarded(at_rest).await;
        }
    }

    fn stop_handing_out(&self) {
        let mut queue = self.lock();
        // A closed mailbox stays as it was closed.
        queue.paused |= queue.closed.is_none();
        // The worker says that it is at rest when it looks for a message.
        self.unlock_and_wake(queue);
    }

    /// How the pausing went: `None` while a message is in progress. If the mailbox was resumed
    /// meanwhile, there is nothing to wait for.
    fn paused(&self) -> Option<Result<(), Stopped>> {
        let queue = self.lock();
        match &queue.closed {
            Some(why) => Some(Err(why.clone())),
            None => (!queue.paused || queue.in_progress.is_none()).then_some(Ok(())),
        }
    }

    /// Hands out messages again.
    pub(crate) fn resume(&self) {
        let mut queue = self.lock();
        queue.paused = false;
        self.unlock_and_wake(queue);
        self.at_rest.notify_waiters();
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// Closes the mailbox for good: refuses the queued messages, and every message that is still
    /// sent. The first reason for good holds.
    pub(crate) fn close(&self, why: &Stopped) {
        let mut queue = self.lock();
        if queue.closed.is_some() && !queue.reopens {
            return;
        }
        (queue.closed, queue.reopens) = (Some(why.clone()), false);
        queue.paused = false;
        let waiting = queue.waitlist.dissolve();
        self.refuse_all(queue, why, waiting);
    }

    /// Closes the mailbox until it is [reopened](Self::reopen), unless it is closed: refuses the
    /// queued messages, and every message that is sent meanwhile.
    ///
    /// Each permit comes back: those of the queued messages here, the others from their senders. A
    /// sender that waits keeps its place until it looks, so that it never takes for a permit that
    /// its ticket is gone.
    pub(crate) fn close_for_now(&self, why: &Stopped) {
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return;
        }
        (queue.closed, queue.reopens) = (Some(why.clone()), true);
        let returned = queue.messages.iter().filter(|envelope| envelope.has_permit).count();
        let waiting = queue.waitlist.rouse(returned);
        self.refuse_all(queue, why, waiting);
    }

    /// Opens the mailbox again, unless it is closed for good.
    pub(crate) fn reopen(&self) {
        let mut queue = self.lock();
        if std::mem::take(&mut queue.reopens) {
            queue.closed = None;
        }
    }

    /// Refuses what the mailbox holds, now that it is closed, and wakes the senders that wait.
    fn refuse_all(
        &self,
        mut queue: Locked<'_, Queue<M>>,
        why: &Stopped,
        waiting: impl IntoIterator<Item = Waker>,
    ) {
        let (again, messages) = (queue.again.take(), std::mem::take(&mut queue.messages));
        self.unlock_and_wake(queue);
        if let Some((envelope, died)) = again.map(|again| *again) {
            self.refuse_now(envelope, died);
        }
        for envelope in messages {
            self.refuse_queued(envelope, why.clone());
        }
        waiting.into_iter().for_each(wake_caught);
        self.at_rest.notify_waiters();
    }

    /// Why the mailbox is closed, if it is.
    pub(crate) fn closed(&self) -> Option<Stopped> {
        self.lock().closed.clone()
    }

    /// Whether the mailbox is closed, and will not be reopened.
    pub(crate) fn is_closed_for_good(&self) -> bool {
        let queue = self.lock();
        queue.closed.is_some() && !queue.reopens
    }

    /// Why the mailbox is closed until it is reopened, if it is.
    pub(crate) fn closed_for_now(&self) -> Option<Stopped> {
        let queue = self.lock();
        if queue.reopens { queue.closed.clone() } else { None }
    }

    /// How many messages were refused because the mailbox was closed.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// How to tell that `message` gets no reply: its caller is told, or, if there is none, the hook
    /// `on_undelivered`. `None` if there is neither, and for a tick of the worker's clock, which
    /// nobody has sent.
    ///
    /// The message's own gate is not our code. If it panics, `caller` is told, which the gate gave
    /// when the message was sent.
    pub(crate) fn refuse(
        &self,
        message: &mut M,
        caller: Option<Arc<dyn Caller>>,
        why: Refusal,
    ) -> Option<Tell> {
        let caller = Watched::refused(caller, &why);
        match (caught(|| message.gate().refuse(why.clone())), caller) {
            (Ok(Some(tell)), _) => Some(tell),
            (_, Some(caller)) if caller.is_the_clock() => None,
            (Err(_panicked), Some(caller)) => Some(Box::new(move || caller.refuse(why))),
            (Ok(None), _) | (Err(_), None) => {
                Some(self.on_undelivered.as_ref()?.take(&self.worker, message, why))
            }
        }
    }

    /// Refuses a message because the mailbox is closed.
    pub(super) fn refuse_queued(&self, envelope: Envelope<M>, why: Stopped) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        crate::util::meter::refused(self.kind, "unserved", 1);
        self.refuse_now(envelope, Refusal::Stopped(why));
    }

    /// Tells that the message gets no reply, and drops it. Hooks, arguments and the message's own
    /// gate are not our code, and nobody is left to be told of their panics.
    fn refuse_now(&self, Envelope { mut message, caller, .. }: Envelope<M>, why: Refusal) {
        if let Some(tell) = self.refuse(&mut message, caller, why) {
            let _ = caught(tell);
        }
        let _ = drop_caught(message);
    }

    /// Why the mailbox was closed.
    pub(crate) fn why_closed(&self) -> Stopped {
        self.closed().unwrap_or(Stopped::Dropped)
    }

    /// Unlocks the queue, and wakes the worker to look at the change.
    pub(super) fn unlock_and_wake(&self, mut queue: Locked<'_, Queue<M>>) {
        let waiting = self.take_waiting(&mut queue);
        drop(queue);
        if let Some(waiting) = waiting {
            // A task of ours.
            waiting.wake();
        }
    }

    fn take_waiting(&self, queue: &mut Queue<M>) -> Option<Waker> {
        self.drained.store(false, Ordering::Release);
        queue.waiting.take()
    }

    pub(super) fn lock(&self) -> Locked<'_, Queue<M>> {
        self.queue.lock()
    }
}
