//! The methods of a handle that send.

use crate::mailbox::Call;
use crate::mailbox::Cast;
use crate::mailbox::CastError;
use crate::mailbox::MessageArgs;
use crate::worker::Handlers;
use crate::worker::handle::Handle;
use crate::worker::permits::Full;
use crate::worker::request::{CallRequest, CastRequest, take_back};

impl<W: Handlers> Handle<W> {
    /// Sends a message and waits for its reply (`gen_server:call`). The generated methods call
    /// this.
    ///
    /// Waits while the mailbox is full, and while the worker is between two incarnations, unless
    /// its spec [says otherwise](crate::Spec::while_down). Dropped before the message is queued,
    /// the future has no effect; dropped after, the message is served and its reply discarded.
    ///
    /// # Errors
    /// - [`CallError::NotSent`](crate::CallError::NotSent): the message was not queued; the arguments come back.
    /// - [`CallError::Died`](crate::CallError::Died): the incarnation ended while it served the message (with
    ///   [`MessageArgs::redeliver`]: for the last time), and the worker's recorded and `rollback`
    ///   tables are as before.
    /// - [`CallError::Unresponsive`](crate::CallError::Unresponsive): the incarnation serves the message, and does not yield.
    /// - [`CallError::TimedOut`](crate::CallError::TimedOut), [`CallError::DownFor`](crate::CallError::DownFor): the message is queued, but the handle's
    ///   timeout, or the worker's bound on the time without an incarnation, is over.
    /// - [`CallError::Stopped`](crate::CallError::Stopped), [`CallError::Unanswered`](crate::CallError::Unanswered): the worker stopped for good before it
    ///   served the message, or nobody replied.
    pub fn call<A: 'static, R>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Call<A, R>) -> W::Message,
    ) -> CallRequest<'_, W, A, R> {
        CallRequest::new(self, args.into(), message, Full::Wait)
    }

    /// As [`call`](Self::call), but does not wait while the mailbox is full.
    ///
    /// # Errors
    /// As [`call`](Self::call), and [`NotSent::Full`](crate::NotSent::Full).
    pub fn try_call<A: 'static, R>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Call<A, R>) -> W::Message,
    ) -> CallRequest<'_, W, A, R> {
        CallRequest::new(self, args.into(), message, Full::Fail)
    }

    /// Sends a message without a reply, and returns when it is queued (`gen_server:cast`).
    ///
    /// The message is served, unless the worker stops for good before, or dies over it: then
    /// [`Spec::on_undelivered`](crate::Spec::on_undelivered) gets it. Waits while the mailbox is
    /// full. Dropped before the message is queued, the future has no effect.
    ///
    /// # Errors
    /// [`CastError::NotSent`]: the message was not queued; it has the reason and the arguments.
    pub fn cast<A: 'static>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Cast<A>) -> W::Message,
    ) -> CastRequest<'_, W, A> {
        CastRequest::new(self, args.into(), message)
    }

    /// As [`cast`](Self::cast), but fails when the mailbox is full. It has nothing to wait for, and
    /// so returns no future.
    ///
    /// # Errors
    /// As [`cast`](Self::cast), and [`NotSent::Full`](crate::NotSent::Full).
    pub fn try_cast<A: 'static>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastError<A>> {
        self.put_cast(message(Cast::new(args.into())))
            .map_err(|(message, why)| CastError::not_sent(take_back(message), Self::refuses(why)))
    }
}
