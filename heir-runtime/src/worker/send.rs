//! Calls and casts: how a handle sends them, and the errors their senders get.
//!
//! ```text
//! Unsent -- try_send --> Sent -- reply, or refusal --> done
//!   |  |                  ^
//!   |  +-- full --> Waits-+     (for a permit; only if the sender waits)
//!   +----------> Bounded        (a timeout, or a worker that is down, may end the call)
//! ```

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::task::coop::poll_proceed;

use crate::mailbox::Call;
use crate::mailbox::CallError;
use crate::mailbox::Cast;
use crate::mailbox::CastError;
use crate::mailbox::Heard;
use crate::mailbox::Message;
use crate::mailbox::MessageArgs;
use crate::mailbox::NotSent;
use crate::mailbox::Permit;
use crate::mailbox::Reserve;
use crate::mailbox::Unsent;
use crate::process::status::Status;
use crate::util::race::{Either, race};
use crate::util::reply::ReplyReceiver;
use crate::worker::Handlers;
use crate::worker::WhileDown;
use crate::worker::handle::Handle;
use crate::worker::send_deadline::{Late, SendDeadline};
use crate::worker::shared::Shared;

/// Whether a sender waits for a permit when the mailbox is full.
#[derive(Clone, Copy, PartialEq)]
enum Full {
    Wait,
    Fail,
}

/// How far a call has come. `B` is the future of a call that has a deadline.
enum Stage<'h, A, M: Message, R, B> {
    Unsent(Option<MessageArgs<A>>),
    Waits(Option<(M, ReplyReceiver<Heard<R>>)>, Reserve<'h, M>),
    Sent(ReplyReceiver<Heard<R>>),
    Bounded(Pin<Box<B>>),
}

const DONE: &str = "polled after it was done";

impl<W: Handlers> Handle<W> {
    /// Sends a message and waits for its reply (`gen_server:call`). The generated methods call
    /// this.
    ///
    /// Waits while the mailbox is full, and while the worker is between two incarnations, unless
    /// its spec [says otherwise](crate::Spec::while_down). Dropped before the message is queued,
    /// the future has no effect; dropped after, the message is served and its reply discarded.
    ///
    /// # Errors
    /// - [`CallError::NotSent`]: the message was not queued; the arguments come back.
    /// - [`CallError::Died`]: the incarnation ended while it served the message (with
    ///   [`MessageArgs::redeliver`]: for the last time), and the worker's recorded and `rollback`
    ///   tables are as before.
    /// - [`CallError::Unresponsive`]: the incarnation serves the message, and does not yield.
    /// - [`CallError::TimedOut`], [`CallError::DownFor`]: the message is queued, but the handle's
    ///   timeout, or the worker's bound on the time without an incarnation, is over.
    /// - [`CallError::Stopped`], [`CallError::Unanswered`]: the worker stopped for good before it
    ///   served the message, or its handler kept no reply.
    pub fn call<A: 'static, R>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Call<A, R>) -> W::Message,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        self.send_call(args.into(), message, Full::Wait)
    }

    /// As [`call`](Self::call), but does not wait while the mailbox is full.
    ///
    /// # Errors
    /// As [`call`](Self::call), and [`NotSent::Full`].
    pub fn try_call<A: 'static, R>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Call<A, R>) -> W::Message,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        self.send_call(args.into(), message, Full::Fail)
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
    ) -> impl Future<Output = Result<(), CastError<A>>> {
        self.send_cast(args.into(), message)
    }

    /// As [`cast`](Self::cast), but fails when the mailbox is full. It has nothing to wait for, and
    /// so returns no future.
    ///
    /// # Errors
    /// As [`cast`](Self::cast), and [`NotSent::Full`].
    pub fn try_cast<A: 'static>(
        &self,
        args: impl Into<MessageArgs<A>>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastError<A>> {
        self.put_cast(message(Cast::new(args.into()))).map_err(|(message, why)| cast_not_sent(message, why))
    }

    /// Most calls are sent in the first poll and answered in the second: this future is for them. A
    /// call with a deadline is another future, in a box.
    fn send_call<A: 'static, R>(
        &self,
        args: MessageArgs<A>,
        message: fn(Call<A, R>) -> W::Message,
        full: Full,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        let mut stage = Stage::Unsent(Some(args));
        poll_fn(move |cx| {
            loop {
                stage = match &mut stage {
                    Stage::Unsent(unsent) if self.is_bounded() => {
                        let args = unsent.take().expect(DONE);
                        Stage::Bounded(Box::pin(self.call_in_time(args, message, full)))
                    }
                    Stage::Unsent(unsent) => {
                        ready!(poll_yield(cx));
                        let args = unsent.take().expect(DONE);
                        let mailbox = &self.shared.shared().mailbox;
                        let (call, answer) = Call::new(args, cx.waker().clone());
                        match mailbox.try_send(message(call)) {
                            Ok(()) => {
                                // The reply channel already has this poll's waker.
                                stage = Stage::Sent(answer);
                                return Poll::Pending;
                            }
                            Err((message, NotSent::Full)) if full == Full::Wait => {
                                Stage::Waits(Some((message, answer)), mailbox.reserve())
                            }
                            Err((message, why)) => {
                                return Poll::Ready(Err(not_sent(take_back(message), why)));
                            }
                        }
                    }
                    Stage::Waits(unsent, permit) => {
                        let permit = ready!(Pin::new(permit).poll(cx));
                        let (message, answer) = unsent.take().expect(DONE);
                        match permit {
                            Ok(permit) => {
                                permit.send(message);
                                Stage::Sent(answer)
                            }
                            Err(why) => {
                                let why = NotSent::Stopped(why);
                                return Poll::Ready(Err(not_sent(take_back(message), why)));
                            }
                        }
                    }
                    Stage::Sent(answer) => return Pin::new(answer).poll(cx).map(heard),
                    Stage::Bounded(bounded) => return bounded.as_mut().poll(cx),
                };
            }
        })
    }

    /// As [`send_call`](Self::send_call), up to its deadline.
    async fn call_in_time<A: 'static, R>(
        &self,
        args: MessageArgs<A>,
        message: fn(Call<A, R>) -> W::Message,
        full: Full,
    ) -> Result<R, CallError<A>> {
        poll_fn(poll_yield).await;
        let mut deadline = self.deadline();
        let permit = match self.try_reserve() {
            Err(NotSent::Full) if full == Full::Wait => self.reserve(&mut deadline).await,
            permit => permit,
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(why) => return Err(not_sent(args.into_inner(), why)),
        };
        // From here to the first poll of the reply channel is one poll of this future, with this
        // waker.
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let (call, answer) = Call::new(args, waker);
        permit.send(message(call));
        match deadline.wait_for(answer).await {
            Ok(outcome) => heard(outcome),
            Err(Late::TimedOut(bound)) => Err(CallError::TimedOut(bound)),
            Err(Late::DownFor(bound)) => Err(CallError::DownFor(bound)),
        }
    }

    /// Most casts are queued at once. The wait of a cast with a deadline is in a box, so that the
    /// future stays small.
    async fn send_cast<A: 'static>(
        &self,
        args: MessageArgs<A>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastError<A>> {
        poll_fn(poll_yield).await;
        let (message, permit) = match self.put_cast(message(Cast::new(args))) {
            Err((message, NotSent::Full)) if self.is_bounded() => {
                (message, Box::pin(self.reserve(&mut self.deadline())).await)
            }
            Err((message, NotSent::Full)) => {
                (message, self.shared.mailbox.reserve().await.map_err(NotSent::Stopped))
            }
            Err((message, why)) => (message, Err(why)),
            Ok(()) => return Ok(()),
        };
        match permit {
            Ok(permit) => {
                permit.send(message);
                Ok(())
            }
            Err(why) => Err(cast_not_sent(message, why)),
        }
    }

    /// Queues a cast, or gives it back with the reason.
    fn put_cast(&self, message: W::Message) -> Result<(), (W::Message, NotSent)> {
        let shared = self.shared.shared();
        match is_down(shared) {
            Some(why) => Err((message, why)),
            None => shared.mailbox.try_send(message),
        }
    }

    /// Whether a sender may give up: after a time, or because no incarnation serves.
    fn is_bounded(&self) -> bool {
        self.timeout.is_some() || self.shared.settings.while_down != WhileDown::Wait
    }

    /// The deadline of a sender that begins to wait now.
    fn deadline(&self) -> SendDeadline<'_> {
        SendDeadline::new(&self.shared.lifecycle, self.shared.settings.while_down, self.timeout)
    }

    /// Waits for a permit, up to the deadline.
    async fn reserve(&self, deadline: &mut SendDeadline<'_>) -> Result<Permit<'_, W::Message>, NotSent> {
        let shared = self.shared.shared();
        let permit = deadline.wait_for(shared.mailbox.reserve());
        let permit = match shared.settings.while_down {
            WhileDown::Wait | WhileDown::WaitFor(_) => permit.await,
            WhileDown::Fail => match race(pin!(shared.lifecycle.until_not_serving()), pin!(permit)).await {
                Either::Left(status) => return Err(down(shared, status)),
                Either::Right(permit) => permit,
            },
        };
        match permit {
            Ok(permit) => permit.map_err(NotSent::Stopped),
            Err(Late::TimedOut(bound)) => Err(NotSent::TimedOut(bound)),
            Err(Late::DownFor(bound)) => Err(NotSent::DownFor(bound)),
        }
    }

    /// Takes a permit of the mailbox, if one is free.
    fn try_reserve(&self) -> Result<Permit<'_, W::Message>, NotSent> {
        let shared = self.shared.shared();
        match is_down(shared) {
            Some(why) => Err(why),
            None => shared.mailbox.try_reserve(),
        }
    }
}

/// Why a message cannot be sent now, if no incarnation serves and the worker's spec says to fail
/// then.
fn is_down<W: Handlers>(shared: &Shared<W>) -> Option<NotSent> {
    match shared.settings.while_down {
        WhileDown::Fail => shared.lifecycle.not_serving().map(|status| down(shared, status)),
        WhileDown::Wait | WhileDown::WaitFor(_) => None,
    }
}

/// Why a message cannot be sent to a worker that does not serve.
fn down<W: Handlers>(shared: &Shared<W>, status: Status) -> NotSent {
    match shared.mailbox.closed() {
        Some(why) => NotSent::Stopped(why),
        None => NotSent::Down(status),
    }
}

fn not_sent<A>(args: A, why: NotSent) -> CallError<A> {
    CallError::NotSent { args: Unsent::new(args), why }
}

/// Has a task that only sends yield now and then, as tokio's own channels do.
#[inline]
fn poll_yield(cx: &mut Context<'_>) -> Poll<()> {
    poll_proceed(cx).map(|turn| turn.made_progress())
}

fn cast_not_sent<A: 'static>(message: impl Message, why: NotSent) -> CastError<A> {
    CastError::NotSent { args: Unsent::new(take_back(message)), why }
}

/// The arguments of a message that was not sent.
///
/// # Panics
/// If the message was not made of arguments of this type.
fn take_back<A: 'static>(mut message: impl Message) -> A {
    let args = message.gate().take_back().and_then(|args| args.downcast().ok());
    *args.expect("a message has the arguments it was made of until it is served")
}

fn heard<A, R>(outcome: Option<Heard<R>>) -> Result<R, CallError<A>> {
    match outcome {
        Some(Ok(reply)) => Ok(reply),
        Some(Err(why)) => Err(CallError::refused(*why)),
        None => Err(CallError::Unanswered),
    }
}
