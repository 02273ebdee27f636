//! The mailbox: a worker's queue of messages, which outlives each of its incarnations.

mod call;
mod error;
#[cfg(all(test, heir_loom))]
mod loom;
pub(crate) mod permits;
mod undelivered;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use tokio::sync::Notify;
use tokio::task::coop::poll_proceed;

use self::call::Caller;
pub(crate) use self::call::Heard;
pub use self::call::{Call, Cast, Gate, Message, Refusal, Tell};
pub use self::error::{CallError, CallResult, CastError, CastResult, NotSent, Unsent};
pub(crate) use self::undelivered::OnUndelivered;
pub use self::undelivered::Undelivered;
use crate::mailbox::permits::Waitlist;
pub(crate) use crate::mailbox::permits::{Permit, Reserve};
use crate::process::status::Stopped;
use crate::util::caught::{caught, drop_caught, guarded, wake_caught};
use crate::util::sync::{AtomicBool, Lock, Locked};

/// A bounded queue that stays in the post: whoever serves takes its messages from there, one by one, and whoever retires the
/// post can close it at any time, even under a worker that does not let go.
pub(crate) struct Mailbox<M> {
    /// The worker's name.
    worker: Arc<str>,
    /// Locked to move a message in or out; never while one is served, nor for any code that is not ours.
    queue: Lock<Queue<M>>,
    /// Whether the incarnation that serves took the last message out, and will be woken for the next one: then it need not look.
    drained: AtomicBool,
    /// How many messages were refused because it was closed.
    refused: AtomicUsize,
    /// While it is paused: no message is in progress any more, or it is closed.
    at_rest: Notify,
    on_undelivered: Option<OnUndelivered>,
}

/// A message, and who is to be told if a worker holds on to it.
struct Envelope<M> {
    message: M,
    caller: Option<Arc<dyn Caller>>,
}

struct Queue<M> {
    messages: VecDeque<Envelope<M>>,
    waitlist: Waitlist,
    /// A message whose worker died over it, to be served again before all others; and that death, should it not be.
    again: Option<Box<(Envelope<M>, Refusal)>>,
    /// It stays while nothing else is to be served.
    in_progress: Option<InProgress>,
    /// The incarnation that serves: a task of ours, to be woken when there is something to do.
    waiting: Option<Waker>,
    paused: bool,
    /// Why nothing of it will be served any more, once that is so.
    closed: Option<Stopped>,
}

/// The message that was taken out last, until its worker looks for the next one, or has ended.
struct InProgress {
    incarnation: u64,
    caller: Option<Arc<dyn Caller>>,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(worker: Arc<str>, capacity: usize, on_undelivered: Option<OnUndelivered>) -> Self {
        let queue = Queue {
            messages: VecDeque::new(),
            waitlist: Waitlist::new(capacity),
            again: None,
            in_progress: None,
            waiting: None,
            paused: false,
            closed: None,
        };
        Self {
            worker,
            queue: Lock::new(queue),
            drained: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            at_rest: Notify::new(),
            on_undelivered,
        }
    }

    /// How many messages wait in it.
    pub(crate) fn queued(&self) -> usize {
        self.lock().messages.len()
    }

    /// The next message, for the one incarnation that owns the tables. The one before is served. Once it is closed there is none
    /// any more: it is for the supervisor to say when its worker stops.
    ///
    /// Cancel safe. It is always the same task that looks, until it has [`left`](Self::left).
    pub(crate) fn poll_next(&self, incarnation: u64, cx: &mut Context<'_>) -> Poll<M> {
        if self.drained.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // A full mailbox keeps no thread to itself: its worker yields now and then, as with tokio's own channels.
        let turn = ready!(poll_proceed(cx));
        let mut queue = self.lock();
        let before = queue.in_progress.take();
        if queue.paused {
            queue.wait(cx);
            drop(queue);
            self.at_rest.notify_waiters();
            return Poll::Pending;
        }
        let next = queue.again.take().map(|again| again.0);
        let leaves_a_place = next.is_none();
        let next = next.or_else(|| queue.messages.pop_front());
        let next_waiting = if leaves_a_place && next.is_some() { queue.waitlist.give_back() } else { None };
        if queue.messages.is_empty() {
            // Before it serves: mostly nothing comes meanwhile.
            queue.wait(cx);
            self.drained.store(true, Ordering::Relaxed);
        }
        let Some(Envelope { message, caller }) = next else { return Poll::Pending };
        queue.in_progress = Some(InProgress { incarnation, caller });
        drop(queue);
        drop(before);
        turn.made_progress();
        if let Some(sender) = next_waiting {
            wake_caught(sender);
        }
        Poll::Ready(message)
    }

    /// The incarnation has ended, and what it served has been put back if it is to be served again. Said before its tables are home.
    /// Returns whom the message in progress was for.
    pub(crate) fn left(&self) -> Option<Arc<dyn Caller>> {
        let mut queue = self.lock();
        let waiting = self.take_waiting(&mut queue);
        let served = self.rest(queue);
        drop(waiting);
        served?.caller
    }

    /// The message before is served, and the incarnation does something else before it looks for the next one.
    pub(crate) fn served(&self) {
        let served = self.rest(self.lock());
        drop(served);
    }

    /// No message is in progress. Returns the one that was.
    fn rest(&self, mut queue: Locked<'_, Queue<M>>) -> Option<InProgress> {
        let served = queue.in_progress.take();
        let is_at_rest = served.is_some() && queue.paused;
        drop(queue);
        if is_at_rest {
            self.at_rest.notify_waiters();
        }
        served
    }

    /// This incarnation does not yield to the runtime: the caller of the message it serves is told so.
    pub(crate) fn abandon(&self, incarnation: u64) {
        let caller = match &self.lock().in_progress {
            Some(served) if served.incarnation == incarnation => served.caller.clone(),
            Some(_) | None => None,
        };
        if let Some(caller) = caller {
            caller.refuse(Refusal::Unresponsive { incarnation });
        }
    }

    /// Whether the next message is one that is served again.
    pub(crate) fn has_message_again(&self) -> bool {
        self.lock().again.is_some()
    }

    /// Serves this one, which was in progress, again before all others; gives it back if nothing will be served any more.
    pub(crate) fn put_first(&self, message: M, died: Refusal) -> Result<(), (M, Refusal)> {
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return Err((message, died));
        }
        let caller = queue.in_progress.as_ref().and_then(|served| served.caller.clone());
        queue.again = Some(Box::new((Envelope { message, caller }, died)));
        Ok(())
    }

    /// Hands out no more messages, and waits until none is in progress. Dropping the future does not take that back.
    pub(crate) async fn pause(&self) -> Result<(), Stopped> {
        self.stop_handing_out();
        loop {
            let mut at_rest = pin!(self.at_rest.notified());
            // Registered before looking: a change between the look and the await wakes it.
            at_rest.as_mut().enable();
            if let Some(outcome) = self.paused() {
                return outcome;
            }
            // It is woken in the task of the worker.
            guarded(at_rest).await;
        }
    }

    fn stop_handing_out(&self) {
        let mut queue = self.lock();
        // One that is closed stays as `close` leaves it.
        queue.paused = queue.closed.is_none();
        // Whoever serves says that it is at rest when it looks for a message.
        self.wake(queue);
    }

    /// How the pausing went, once none is in progress. If it was resumed meanwhile, there is nothing to wait for.
    fn paused(&self) -> Option<Result<(), Stopped>> {
        let queue = self.lock();
        match &queue.closed {
            Some(why) => Some(Err(why.clone())),
            None => (!queue.paused || queue.in_progress.is_none()).then_some(Ok(())),
        }
    }

    pub(crate) fn resume(&self) {
        let mut queue = self.lock();
        queue.paused = false;
        self.wake(queue);
        self.at_rest.notify_waiters();
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// Nothing of it will be served any more: what is queued is refused, and whatever is still sent. The first reason holds.
    pub(crate) fn close(&self, why: &Stopped) {
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return;
        }
        queue.closed = Some(why.clone());
        queue.paused = false;
        let (again, messages) = (queue.again.take(), std::mem::take(&mut queue.messages));
        let waitlist = queue.waitlist.dissolve();
        self.wake(queue);
        if let Some((envelope, died)) = again.map(|again| *again) {
            self.refuse_now(envelope, died);
        }
        for envelope in messages {
            self.refuse_queued(envelope, why.clone());
        }
        waitlist.for_each(wake_caught);
        self.at_rest.notify_waiters();
    }

    /// Why nothing of it will be served any more, once that is so.
    pub(crate) fn closed(&self) -> Option<Stopped> {
        self.lock().closed.clone()
    }

    /// How many messages were refused because it was closed.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes what is needed to tell that `message` gets no reply: to its caller, or, if there is none, to whoever gets what is not
    /// delivered. `None` if there is nobody at all.
    ///
    /// The message's own gate is not our code. If it panics, `caller` is told, whom it gave when the message was sent.
    pub(crate) fn refuse(
        &self,
        message: &mut M,
        caller: Option<Arc<dyn Caller>>,
        why: Refusal,
    ) -> Option<Tell> {
        match (caught(|| message.gate().refuse(why.clone())), caller) {
            (Ok(Some(tell)), _) => Some(tell),
            (Err(_panicked), Some(caller)) => Some(Box::new(move || caller.refuse(why))),
            (Ok(None), _) | (Err(_), None) => {
                Some(self.on_undelivered.as_ref()?.take(&self.worker, message, why))
            }
        }
    }

    fn refuse_queued(&self, envelope: Envelope<M>, why: Stopped) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.refuse_now(envelope, Refusal::Stopped(why));
    }

    /// Tells that it gets no reply, and drops it: hooks, arguments, the message's own gate are not our code, and nobody is left to
    /// tell of their panics.
    fn refuse_now(&self, Envelope { mut message, caller }: Envelope<M>, why: Refusal) {
        if let Some(tell) = self.refuse(&mut message, caller, why) {
            let _ = caught(tell);
        }
        let _ = drop_caught(message);
    }

    /// Why nothing of it will be served any more.
    pub(crate) fn why_closed(&self) -> Stopped {
        self.closed().unwrap_or(Stopped::Dropped)
    }

    /// Has whoever serves look at what has changed, once it is unlocked.
    fn wake(&self, mut queue: Locked<'_, Queue<M>>) {
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

    fn lock(&self) -> Locked<'_, Queue<M>> {
        self.queue.lock()
    }
}

impl<M> Queue<M> {
    /// Has this task woken when there is something to do.
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting = Some(cx.waker().clone());
        }
    }
}
