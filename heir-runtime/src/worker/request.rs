//! Calls and casts that a handle makes: values until they are polled, then the futures that send
//! them.
//!
//! ```text
//! Unsent -- try_call --> Sent -- reply, or refusal --> done
//!   |  |                  ^
//!   |  +-- full --> Waits-+     (for a permit; only if the sender waits)
//!   +--> Bounded -> InTime      (a timeout, or a worker that is down, may end the call)
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
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
use crate::mailbox::Reserve;
use crate::util::reply::ReplyReceiver;
use crate::worker::Handlers;
use crate::worker::handle::Handle;
use crate::worker::permits::{Full, PermitInTime};
use crate::worker::send_deadline::{Late, SendDeadline};

const DONE: &str = "polled after it was done";

/// A call that a handle has made, and not sent yet: a future of its [`CallResult`](crate::CallResult).
///
/// Awaited, it is sent, and waits for the reply. As a value it can be
/// [sent with the commit](crate::Context::send) of another message.
#[must_use = "a call is not sent unless it is awaited, or given to `cx.send`"]
pub struct CallRequest<'h, W: Handlers, A, R> {
    handle: &'h Handle<W>,
    message: fn(Call<A, R>) -> W::Message,
    full: Full,
    stage: CallStage<'h, W, A, R>,
}

/// How far a call has come. Most calls are sent in the first poll and answered in the second; what
/// those with a deadline need is in a box.
enum CallStage<'h, W: Handlers, A, R> {
    Unsent(Option<MessageArgs<A>>),
    Waits((W::Message, ReplyReceiver<Heard<R>>), Reserve<'h, W::Message>),
    Sent(ReplyReceiver<Heard<R>>),
    Bounded(MessageArgs<A>, PermitInTime<'h, W>),
    InTime(ReplyReceiver<Heard<R>>, Box<SendDeadline<'h>>),
    Done,
}

/// A cast that a handle has made, and not sent yet: a future of its [`CastResult`](crate::CastResult).
///
/// Awaited, it is sent. As a value it can be [sent with the commit](crate::Context::send) of another
/// message.
#[must_use = "a cast is not sent unless it is awaited, or given to `cx.send`"]
pub struct CastRequest<'h, W: Handlers, A> {
    handle: &'h Handle<W>,
    message: fn(Cast<A>) -> W::Message,
    stage: CastStage<'h, W, A>,
}

enum CastStage<'h, W: Handlers, A> {
    Unsent(Option<MessageArgs<A>>),
    Waits(W::Message, Reserve<'h, W::Message>),
    Bounded(W::Message, PermitInTime<'h, W>),
    Done,
}

/// The parts of a call that has not been sent.
pub(super) struct UnsentCall<'h, W: Handlers, A, R> {
    pub(super) handle: &'h Handle<W>,
    pub(super) message: fn(Call<A, R>) -> W::Message,
    pub(super) args: MessageArgs<A>,
}

/// The parts of a cast that has not been sent.
pub(super) struct UnsentCast<'h, W: Handlers, A> {
    pub(super) handle: &'h Handle<W>,
    pub(super) message: fn(Cast<A>) -> W::Message,
    pub(super) args: MessageArgs<A>,
}

impl<'h, W: Handlers, A, R> CallRequest<'h, W, A, R> {
    pub(super) fn new(
        handle: &'h Handle<W>,
        args: MessageArgs<A>,
        message: fn(Call<A, R>) -> W::Message,
        full: Full,
    ) -> Self {
        Self { handle, message, full, stage: CallStage::Unsent(Some(args)) }
    }

    /// Whom it calls, and whether it waits if the mailbox is full.
    pub(super) fn target(&self) -> (&'h Handle<W>, Full) {
        (self.handle, self.full)
    }

    /// Takes the call apart.
    ///
    /// # Panics
    /// If it has been polled.
    pub(super) fn into_unsent(self) -> UnsentCall<'h, W, A, R> {
        let CallStage::Unsent(Some(args)) = self.stage else { panic!("{POLLED}") };
        UnsentCall { handle: self.handle, message: self.message, args }
    }
}

impl<'h, W: Handlers, A> CastRequest<'h, W, A> {
    pub(super) fn new(
        handle: &'h Handle<W>,
        args: MessageArgs<A>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Self {
        Self { handle, message, stage: CastStage::Unsent(Some(args)) }
    }

    /// Takes the cast apart.
    ///
    /// # Panics
    /// If it has been polled.
    pub(super) fn into_unsent(self) -> UnsentCast<'h, W, A> {
        let CastStage::Unsent(Some(args)) = self.stage else { panic!("{POLLED}") };
        UnsentCast { handle: self.handle, message: self.message, args }
    }
}

const POLLED: &str =
    "a call or cast that has been polled is sent already, or waits to be: `cx.send` takes one that has not";

/// Nothing in it is pinned.
impl<W: Handlers, A, R> Unpin for CallRequest<'_, W, A, R> {}

impl<W: Handlers, A: 'static, R> Future for CallRequest<'_, W, A, R> {
    type Output = Result<R, CallError<A>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { handle, message, full, stage } = &mut *self;
        let handle: &Handle<W> = handle;
        loop {
            match stage {
                CallStage::Unsent(args) if handle.is_bounded() => {
                    ready!(poll_yield(cx));
                    let args = args.take().expect(DONE);
                    *stage = CallStage::Bounded(args, handle.permit_in_time(*full));
                }
                CallStage::Unsent(args) => {
                    ready!(poll_yield(cx));
                    let args = args.take().expect(DONE);
                    let mailbox = &handle.shared.shared().mailbox;
                    let (call, answer) = Call::new(args, cx.waker().clone());
                    match mailbox.try_call(message(call)) {
                        Ok(()) => {
                            // The reply channel already has this poll's waker.
                            *stage = CallStage::Sent(answer);
                            return Poll::Pending;
                        }
                        Err((message, NotSent::Full)) if *full == Full::Wait => {
                            *stage = CallStage::Waits((message, answer), mailbox.reserve());
                        }
                        Err((message, why)) => {
                            return Poll::Ready(Err(CallError::not_sent(
                                take_back(message),
                                Handle::<W>::refuses(why),
                            )));
                        }
                    }
                }
                CallStage::Waits(_, permit) => {
                    let permit = ready!(Pin::new(permit).poll(cx));
                    let CallStage::Waits((message, answer), _) = std::mem::replace(stage, CallStage::Done)
                    else {
                        continue;
                    };
                    match permit {
                        Ok(permit) => permit.send(message),
                        Err(why) => {
                            return Poll::Ready(Err(CallError::not_sent(
                                take_back(message),
                                Handle::<W>::refuses(NotSent::Stopped(why)),
                            )));
                        }
                    }
                    *stage = CallStage::Sent(answer);
                }
                CallStage::Bounded(_, permit) => {
                    let (permit, deadline) = ready!(permit.as_mut().poll(cx));
                    let CallStage::Bounded(args, _) = std::mem::replace(stage, CallStage::Done) else {
                        continue;
                    };
                    match permit {
                        Ok(permit) => {
                            let (call, answer) = Call::new(args, cx.waker().clone());
                            permit.send(message(call));
                            *stage = CallStage::InTime(answer, Box::new(deadline));
                        }
                        Err(why) => {
                            return Poll::Ready(Err(CallError::not_sent(
                                args.into_inner(),
                                Handle::<W>::refuses(why),
                            )));
                        }
                    }
                }
                CallStage::Sent(answer) => return Pin::new(answer).poll(cx).map(heard),
                CallStage::InTime(answer, deadline) => {
                    if let Poll::Ready(outcome) = Pin::new(answer).poll(cx) {
                        return Poll::Ready(heard(outcome));
                    }
                    return deadline.poll(cx).map(|late| match late {
                        Late::TimedOut(bound) => Err(CallError::TimedOut(bound)),
                        Late::DownFor(bound) => Err(CallError::DownFor(bound)),
                    });
                }
                CallStage::Done => panic!("{DONE}"),
            }
        }
    }
}

/// Nothing in it is pinned.
impl<W: Handlers, A> Unpin for CastRequest<'_, W, A> {}

impl<W: Handlers, A: 'static> Future for CastRequest<'_, W, A> {
    type Output = Result<(), CastError<A>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { handle, message, stage } = &mut *self;
        let handle: &Handle<W> = handle;
        loop {
            let permit = match stage {
                CastStage::Unsent(args) => {
                    ready!(poll_yield(cx));
                    let args = args.take().expect(DONE);
                    match handle.put_cast(message(Cast::new(args))) {
                        Ok(()) => return Poll::Ready(Ok(())),
                        Err((message, NotSent::Full)) if handle.shared.mailbox.is_served_here() => {
                            return Poll::Ready(Err(CastError::not_sent(
                                take_back(message),
                                Handle::<W>::refuses(NotSent::ToItself),
                            )));
                        }
                        Err((message, NotSent::Full)) if handle.is_bounded() => {
                            *stage = CastStage::Bounded(message, handle.permit_in_time(Full::Wait));
                        }
                        Err((message, NotSent::Full)) => {
                            *stage = CastStage::Waits(message, handle.shared.shared().mailbox.reserve());
                        }
                        Err((message, why)) => {
                            return Poll::Ready(Err(CastError::not_sent(
                                take_back(message),
                                Handle::<W>::refuses(why),
                            )));
                        }
                    }
                    continue;
                }
                CastStage::Waits(_, permit) => ready!(Pin::new(permit).poll(cx)).map_err(NotSent::Stopped),
                CastStage::Bounded(_, permit) => ready!(permit.as_mut().poll(cx)).0,
                CastStage::Done => panic!("{DONE}"),
            };
            let (CastStage::Waits(message, _) | CastStage::Bounded(message, _)) =
                std::mem::replace(stage, CastStage::Done)
            else {
                continue;
            };
            return Poll::Ready(match permit {
                Ok(permit) => {
                    permit.send(message);
                    Ok(())
                }
                Err(why) => Err(CastError::not_sent(take_back(message), Handle::<W>::refuses(why))),
            });
        }
    }
}

/// Has a task that only sends yield now and then, as tokio's own channels do.
#[inline]
pub(super) fn poll_yield(cx: &mut Context<'_>) -> Poll<()> {
    poll_proceed(cx).map(|turn| turn.made_progress())
}

/// The arguments of a message that was not sent.
///
/// # Panics
/// If the message was not made of arguments of this type.
pub(super) fn take_back<A: 'static>(mut message: impl Message) -> A {
    let args = message.gate().take_back().and_then(|args| args.downcast().ok());
    *args.expect("a message has the arguments it was made of until it is served")
}

pub(crate) fn heard<A, R>(outcome: Option<Heard<R>>) -> Result<R, CallError<A>> {
    match outcome {
        Some(Ok(reply)) => Ok(reply),
        Some(Err(why)) => Err(CallError::refused(*why)),
        None => Err(CallError::Unanswered),
    }
}

impl<W: Handlers, A, R> fmt::Debug for CallRequest<'_, W, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallRequest").field("to", &self.handle.name()).finish_non_exhaustive()
    }
}

impl<W: Handlers, A> fmt::Debug for CastRequest<'_, W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CastRequest").field("to", &self.handle.name()).finish_non_exhaustive()
    }
}
