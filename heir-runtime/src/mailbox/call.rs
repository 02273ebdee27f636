//! The two kinds of messages: calls, which have a reply, and casts, which have none.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::mailbox::args::MessageArgs;
use crate::mailbox::later::{OpenReplies, OpenReply, Reply};
use crate::mailbox::message::sealed::Sealed;
use crate::mailbox::message::{Caller, ReplyGate, Tell};
use crate::mailbox::refusal::{Heard, Refusal};
use crate::process::Process;
use crate::util::caught::drop_caught;
use crate::util::reply::{ReplyCell, ReplyReceiver, ReplySender, reply};

/// A message with a reply (`gen_server:call`): the arguments `A`, and the reply channel for an `R`.
pub struct Call<A, R> {
    args: MessageArgs<A>,
    caller: CallerOf<R>,
    /// The handler is done; its message has not committed yet. If there is no caller any more, the
    /// reply is dropped, where its panic is caught.
    kept: Option<R>,
    /// Whether the reply goes to a handler.
    #[cfg(feature = "store")]
    is_for_a_worker: bool,
}

impl<R: Send> Caller for ReplyCell<Heard<R>> {
    fn refuse(&self, why: Refusal) {
        // If the caller has been answered, the refusal comes back.
        drop(self.answer(Some(Err(Box::new(why)))));
    }
}

/// Who a reply goes to, and who sends it.
enum CallerOf<R> {
    /// The caller has been told.
    Told,
    /// The caller is told when the message has been served.
    Waits(ReplySender<Heard<R>>),
    /// The handler has taken the reply channel, to reply later.
    Later(Arc<OpenReply<R>>),
}

impl<R> CallerOf<R> {
    /// Takes the reply channel, if the caller has not been told.
    fn take(&mut self) -> Option<ReplySender<Heard<R>>> {
        match std::mem::replace(self, Self::Told) {
            Self::Told => None,
            Self::Waits(reply_to) => Some(reply_to),
            Self::Later(open) => open.take_back(),
        }
    }
}

impl<A, R> Call<A, R> {
    /// `waker` is the waker of the caller's poll under way: the caller awaits the reply in that
    /// poll.
    pub(crate) fn new(args: MessageArgs<A>, waker: Waker) -> (Self, ReplyReceiver<Heard<R>>) {
        let (reply_to, answer) = reply(waker);
        let call = Self {
            args,
            caller: CallerOf::Waits(reply_to),
            kept: None,
            #[cfg(feature = "store")]
            is_for_a_worker: false,
        };
        (call, answer)
    }

    /// This call, whose reply goes to a handler of a worker.
    #[cfg(feature = "store")]
    pub(crate) fn for_a_worker(self) -> Self {
        let mut call = self;
        call.is_for_a_worker = true;
        call
    }

    /// Takes the reply channel, for a reply that comes later; `watched` is this call, if somebody
    /// watches it.
    ///
    /// # Panics
    /// If it has been taken before, since the message was served last.
    pub(crate) fn take_reply(
        &mut self,
        taker: Arc<Process>,
        replies: Arc<OpenReplies>,
        watched: Option<Arc<dyn Caller>>,
    ) -> Reply<R> {
        let reply_to = match std::mem::replace(&mut self.caller, CallerOf::Told) {
            CallerOf::Waits(reply_to) => reply_to,
            before => {
                // The reply that was taken is told of the death that follows.
                self.caller = before;
                panic!("the reply of a call is taken once each time it is served");
            }
        };
        let open = OpenReply::new(reply_to, taker, replies, watched);
        self.caller = CallerOf::Later(Arc::clone(&open));
        Reply::new(open)
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
        self.kept = Some(value);
    }
}

impl<A, R: Send + 'static> Sealed for Call<A, R> {
    fn caller(&self) -> Option<Arc<dyn Caller>> {
        let CallerOf::Waits(reply_to) = &self.caller else { return None };
        let cell: Arc<dyn Caller> = reply_to.cell()?;
        Some(cell)
    }
}

impl<A: Send + 'static, R: Send + 'static> ReplyGate for Call<A, R> {
    fn open(&mut self) {
        // If the caller has gone, or been told, nobody wants the reply. If the reply comes later,
        // it is open from here on.
        let caller = std::mem::replace(&mut self.caller, CallerOf::Told);
        match (self.kept.take(), caller) {
            (Some(value), CallerOf::Waits(reply_to)) => reply_to.answer(Ok(value)),
            (None, CallerOf::Later(open)) => open.open(),
            (kept, caller) => drop((kept, caller)),
        }
    }

    #[cfg(feature = "store")]
    fn open_and_keep(&mut self) {
        // If the reply comes later, it is open from here on.
        let caller = std::mem::replace(&mut self.caller, CallerOf::Told);
        match (self.kept.take(), caller) {
            (Some(value), CallerOf::Waits(reply_to)) => {
                self.kept = reply_to.try_answer(Ok(value)).err().and_then(Result::ok);
            }
            (None, CallerOf::Later(open)) => open.open(),
            (kept, _caller) => self.kept = kept,
        }
    }

    fn refuse(&mut self, why: Refusal) -> Option<Tell> {
        let later = matches!(self.caller, CallerOf::Later(_));
        match self.caller.take() {
            Some(reply_to) if reply_to.is_for_nobody() => None,
            Some(reply_to) => Some(Box::new(move || reply_to.answer(Err(Box::new(why))))),
            // It has been answered before its message committed.
            None if later => Some(Box::new(|| {})),
            None => None,
        }
    }

    #[cfg(feature = "store")]
    fn is_for_a_worker(&self) -> bool {
        self.is_for_a_worker
    }

    fn retry(&mut self) -> bool {
        // A reply that was taken is for nobody any more: the next incarnation takes its own.
        if let CallerOf::Later(open) = &self.caller
            && let Some(reply_to) = open.take_back()
        {
            self.caller = CallerOf::Waits(reply_to);
        }
        let is_again = matches!(self.caller, CallerOf::Waits(_)) && self.args.retry();
        // The handler was done, and its message has not committed: the reply tells of what is undone.
        if is_again && let Some(kept) = self.kept.take() {
            let _ = drop_caught(kept);
        }
        is_again
    }

    fn tries(&self) -> u32 {
        self.args.tries()
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

    fn tries(&self) -> u32 {
        self.args.tries()
    }

    fn take_back(&mut self) -> Option<Box<dyn Any + Send>> {
        self.args.take_back()
    }
}

impl<A, R> Drop for Call<A, R> {
    fn drop(&mut self) {
        // The reply is dropped by itself: the arguments may follow, and two panics at once end the
        // process.
        if let Some(kept) = self.kept.take() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Outliving;
    use crate::process::exit::ExitReason;
    use crate::util::caught::caught;

    #[test]
    fn a_reply_that_a_handler_takes_twice_is_told_of_the_death() {
        let (mut call, _caller) = Call::<(), u8>::new(().into(), Waker::noop().clone());
        let taker = Arc::new(Process::new(&Arc::from("worker"), 1, false, &Arc::<Outliving>::default()));
        let replies = Arc::default();
        let reply = call.take_reply(Arc::clone(&taker), Arc::clone(&replies), None);
        assert!(caught(|| call.take_reply(taker, replies, None)).is_err());
        let died = Refusal::Died { incarnation: 1, reason: ExitReason::Killed };
        assert!(call.refuse(died).is_some(), "there is a caller to be told");
        assert!(reply.is_closed());
    }
}
