//! The mailbox: a worker's queue of messages, which outlives each of its incarnations.

mod call;
mod error;

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::task::Poll;

use tokio::sync::mpsc;

pub(crate) use self::call::Answer;
pub use self::call::{Call, Cast, Gate, Message, Refusal, Tell};
pub use self::error::{CallError, CastError, NotSent, Stopped, Unsent};
use crate::caught::{caught, drop_caught};
use crate::sync::{Mutex, MutexGuard};

/// A bounded queue that stays in the post: whoever serves takes its messages from there, one by one, and whoever retires the
/// post can close it at any time, even under a worker that does not let go.
pub(crate) struct Mailbox<M> {
    sender: mpsc::Sender<M>,
    /// Locked for a poll, or to close it; never while a message is served.
    queue: Mutex<Queue<M>>,
    /// Why nothing of it will be served any more, once that is so.
    closed: OnceLock<Stopped>,
    /// How many messages were queued when it was closed.
    refused: AtomicUsize,
}

struct Queue<M> {
    receiver: mpsc::Receiver<M>,
    /// A message whose worker died over it, to be served again before all others; and that death, should it not be.
    again: Option<(M, Refusal)>,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel(capacity);
        Self {
            sender,
            queue: Mutex::new(Queue { receiver, again: None }),
            closed: OnceLock::new(),
            refused: AtomicUsize::new(0),
        }
    }

    /// Waits for a place in the queue, and takes it.
    pub(crate) async fn reserve(&self) -> Result<Place<'_, M>, Stopped> {
        match self.sender.reserve().await {
            Ok(permit) => Ok(Place { permit, mailbox: self }),
            Err(_closed) => Err(self.why_closed()),
        }
    }

    /// Takes a place in the queue if there is one.
    pub(crate) fn try_reserve(&self) -> Result<Place<'_, M>, NotSent> {
        match self.sender.try_reserve() {
            Ok(permit) => Ok(Place { permit, mailbox: self }),
            Err(mpsc::error::TrySendError::Full(())) => Err(NotSent::Full),
            Err(mpsc::error::TrySendError::Closed(())) => Err(NotSent::Stopped(self.why_closed())),
        }
    }

    /// How many messages wait in it.
    pub(crate) fn queued(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    /// The next message: `None` once it is closed.
    ///
    /// Cancel safe. For the one incarnation that owns the tables.
    pub(crate) async fn next(&self) -> Option<M> {
        poll_fn(|cx| {
            let mut queue = self.lock();
            match queue.again.take() {
                Some((again, _)) => Poll::Ready(Some(again)),
                None => queue.receiver.poll_recv(cx),
            }
        })
        .await
    }

    /// Whether the next message is one that is served again.
    pub(crate) fn has_message_again(&self) -> bool {
        self.lock().again.is_some()
    }

    /// Serves this one again before all others; gives it back if nothing will be served any more.
    pub(crate) fn put_first(&self, message: M, died: Refusal) -> Result<(), (M, Refusal)> {
        let mut queue = self.lock();
        if self.closed.get().is_some() {
            return Err((message, died));
        }
        queue.again = Some((message, died));
        Ok(())
    }

    /// Nothing of it will be served any more: what is queued is refused, and whatever is still sent.
    pub(crate) fn close(&self, why: Stopped) {
        if self.closed.set(why).is_ok() {
            // Against the fence in `Place::send`: either this drain meets the message, or its sender meets the reason.
            fence(Ordering::SeqCst);
            self.lock().receiver.close();
            self.drain();
        }
    }

    /// How many messages were queued when it was closed.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    fn drain(&self) {
        let next = || {
            let mut queue = self.lock();
            queue.again.take().or_else(|| {
                let queued = queue.receiver.try_recv().ok()?;
                self.refused.fetch_add(1, Ordering::Relaxed);
                Some((queued, Refusal::Stopped(self.why_closed())))
            })
        };
        while let Some((mut message, why)) = next() {
            // Wakers, and arguments: not our code. Nobody is left to tell of their panics.
            let _ = caught(|| message.gate().refuse(why).map(|tell| tell()));
            let _ = drop_caught(message);
        }
    }

    /// Why nothing of it will be served any more.
    pub(crate) fn why_closed(&self) -> Stopped {
        self.closed.get().cloned().unwrap_or(Stopped::Dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<M>> {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A place in the queue, taken.
pub(crate) struct Place<'m, M> {
    permit: mpsc::Permit<'m, M>,
    mailbox: &'m Mailbox<M>,
}

impl<M: Message> Place<'_, M> {
    /// Puts the message there. If the mailbox is closed at this moment, the message is refused like those before it.
    pub(crate) fn send(self, message: M) {
        let Self { permit, mailbox } = self;
        permit.send(message);
        fence(Ordering::SeqCst);
        if mailbox.closed.get().is_some() {
            mailbox.drain();
        }
    }
}
