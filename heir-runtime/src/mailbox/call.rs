//! The two kinds of messages: calls, which have a reply, and casts, which have none.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::mailbox::args::MessageArgs;
use crate::mailbox::message::sealed::Sealed;
use crate::mailbox::message::{Caller, ReplyGate, Tell};
use crate::mailbox::refusal::Refusal;
use crate::util::caught::drop_caught;
use crate::util::reply::{ReplyCell, ReplyReceiver, ReplySender, reply};

/// A message with a reply (`gen_server:call`): the arguments `A`, and the reply channel for an `R`.
pub struct Call<A, R> {
    args: MessageArgs<A>,
    reply: Reply<R>,
}

/// What a caller hears, unless its message is dropped without a word. The refusal is in a box:
/// replies are smaller then.
pub(crate) type Heard<R> = Result<R, Box<Refusal>>;

impl<R: Send> Caller for ReplyCell<Heard<R>> {
    fn refuse(&self, why: Refusal) {
        // If the caller has been answered, the refusal comes back.
        drop(self.answer(Some(Err(Box::new(why)))));
    }
}

/// The reply, and the channel on which it leaves.
struct Reply<R> {
    /// `None` once the caller has been told.
    reply_to: Option<ReplySender<Heard<R>>>,
    /// The handler is done; its message has not committed yet. If there is no reply channel any
    /// more, the reply is dropped, where its panic is caught.
    kept: Option<R>,
}

impl<A, R> Call<A, R> {
    /// `waker` is the waker of the caller's poll under way: the caller awaits the reply in that
    /// poll.
    pub(crate) fn new(args: MessageArgs<A>, waker: Waker) -> (Self, ReplyReceiver<Heard<R>>) {
        let (reply_to, answer) = reply(waker);
        (Self { args, reply: Reply { reply_to: Some(reply_to), kept: None } }, answer)
    }

    /// Takes the arguments, to serve the message.
    ///
    /// # Panics
    /// If they have been taken before, and the message is not to be served again.
    pub fn take_args(&mut self) -> A {
        self.args.take()
    }

    /// Keeps the reply until the message has committed; a second reply replaces the first.
    pub fn keep(&mut self, value: R) {
        self.reply.kept = Some(value);
    }
}

impl<A, R: Send + 'static> Sealed for Call<A, R> {
    fn caller(&self) -> Option<Arc<dyn Caller>> {
        let cell: Arc<dyn Caller> = self.reply.reply_to.as_ref()?.cell()?;
        Some(cell)
    }
}

impl<A: Send + 'static, R: Send + 'static> ReplyGate for Call<A, R> {
    fn open(&mut self) {
        // If the caller has gone, or been told, nobody wants the reply.
        if let Some(value) = self.reply.kept.take()
            && let Some(reply_to) = self.reply.reply_to.take()
        {
            reply_to.answer(Ok(value));
        }
    }

    fn refuse(&mut self, why: Refusal) -> Option<Tell> {
        let reply_to = self.reply.reply_to.take_if(|reply_to| !reply_to.is_for_nobody())?;
        Some(Box::new(move || reply_to.answer(Err(Box::new(why)))))
    }

    fn retry(&mut self) -> bool {
        self.reply.reply_to.is_some() && self.reply.kept.is_none() && self.args.retry()
    }

    fn take_back(&mut self) -> Option<Box<dyn Any + Send>> {
        self.args.take_back()
    }
}

/// A message without a reply (`gen_server:cast`).
pub struct Cast<A> {
    args: MessageArgs<A>,
}

impl<A> Cast<A> {
    pub(crate) fn new(args: impl Into<MessageArgs<A>>) -> Self {
        Self { args: args.into() }
    }

    /// Takes the arguments, to serve the message.
    ///
    /// # Panics
    /// If they have been taken before, and the message is not to be served again.
    pub fn take_args(&mut self) -> A {
        self.args.take()
    }
}

impl<A> Sealed for Cast<A> {
    fn caller(&self) -> Option<Arc<dyn Caller>> {
        None
    }
}

impl<A: Send + 'static> ReplyGate for Cast<A> {
    fn open(&mut self) {}

    fn refuse(&mut self, _why: Refusal) -> Option<Tell> {
        None
    }

    fn retry(&mut self) -> bool {
        self.args.retry()
    }

    fn take_back(&mut self) -> Option<Box<dyn Any + Send>> {
        self.args.take_back()
    }
}

impl<A, R> Drop for Call<A, R> {
    fn drop(&mut self) {
        // The reply is dropped by itself: the arguments may follow, and two panics at once end the
        // process.
        if let Some(kept) = self.reply.kept.take() {
            let _ = drop_caught(kept);
        }
    }
}

impl<A, R> fmt::Debug for Call<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for Cast<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cast").finish_non_exhaustive()
    }
}
