//! What [`Context::send`] takes: casts, and calls whose answer comes to a handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use crate::mailbox::Call;
use crate::mailbox::CallError;
use crate::mailbox::CallResult;
use crate::mailbox::Cast;
use crate::mailbox::CastError;
use crate::mailbox::Heard;
use crate::mailbox::Message;
use crate::mailbox::MessageArgs;
use crate::mailbox::NotSent;
use crate::mailbox::Refusal;
use crate::mailbox::Unsent;
use crate::process::status::Stopped;
use crate::util::caught::{CatchDrop, caught, drop_caught};
use crate::util::reply::ReplyReceiver;
use crate::util::sync::Lock;
use crate::worker::Handlers;
use crate::worker::handle::{Handle, WeakHandle};
use crate::worker::outbox::Departs;
use crate::worker::permits::Full;
use crate::worker::request::{CallRequest, CastRequest, UnsentCall, UnsentCast, heard};
use crate::worker::shared::WeakTarget;

/// A message to a worker, not sent yet, that [`Context::send`](crate::Context::send) takes: a cast,
/// or a call whose [answer comes to a handler](CallRequest::answer_to). `M` is what the sender
/// serves, and `U` comes back if the message is not sent.
#[diagnostic::on_unimplemented(
    message = "`cx.send` cannot take this",
    label = "neither a cast, nor a call whose answer comes to a handler of this worker",
    note = "a cast is sent as it is: `cx.send(log.note(line))`; a call needs a handler for its answer: \
            `cx.send(stock.take(item).answer_to(order, OrdersMessage::Taken))`"
)]
pub trait Outgoing<M: Message, U>: sealed::Sealed<M> {
    /// Takes the permits; the rest cannot fail.
    #[doc(hidden)]
    fn prepare<W: Handlers<Message = M>>(
        self,
        sender: WeakHandle<W>,
    ) -> impl Future<Output = Result<Box<dyn Departs>, CastError<U>>> + Send;

    /// Waits for the permits, as long as it takes, and sends. If the target has stopped for good,
    /// the message is refused as those in its mailbox are.
    #[doc(hidden)]
    fn send_some_time<W: Handlers<Message = M>>(self, sender: WeakHandle<W>) -> SomeTime;
}

/// A future that is in no hurry, and borrows nothing.
type SomeTime = Pin<Box<dyn Future<Output = ()> + Send>>;

mod sealed {
    pub trait Sealed<M> {}
}

/// A call whose answer comes to a handler of the worker that sends it: made by
/// [`CallRequest::answer_to`].
#[must_use = "a call is not sent unless it is given to `cx.send`"]
pub struct AnsweredCall<'h, W: Handlers, A, R, M, T> {
    request: CallRequest<'h, W, A, R>,
    with: T,
    handler: AnswerHandler<T, R, M>,
}

/// The handler that gets an answer: a variant of its worker's message enum.
type AnswerHandler<T, R, M> = fn(Cast<(T, CallResult<R>)>) -> M;

impl<'h, W: Handlers, A, R> CallRequest<'h, W, A, R> {
    /// Has the answer come to a handler of the worker that [sends](crate::Context::send) this call:
    /// a cast that takes `with`, and the [`CallResult`].
    ///
    /// Whichever incarnation serves then gets it. It is never refused, because its permit is taken
    /// when the call is sent. The handle's timeout bounds the wait for the target's permit, and not
    /// the wait for the answer.
    pub fn answer_to<T, M: Message>(
        self,
        with: T,
        handler: fn(Cast<(T, CallResult<R>)>) -> M,
    ) -> AnsweredCall<'h, W, A, R, M, T> {
        AnsweredCall { request: self, with, handler }
    }
}

/// The permit of a message that is held back. Dropped without a message, it is given back.
struct HeldPermit<W: Handlers>(Option<WeakTarget<W>>);

impl<W: Handlers> HeldPermit<W> {
    /// Takes a permit for a message to this worker. A message of a worker to itself takes it on
    /// credit: nobody else would make room.
    async fn take<S: Handlers>(
        handle: &Handle<W>,
        full: Full,
        sender: &WeakHandle<S>,
    ) -> Result<Self, NotSent> {
        let permit = if sender.is_same(&handle.downgrade()) {
            handle.shared.shared().mailbox.reserve_on_credit()?
        } else {
            handle.permit(full, &mut handle.deadline()).await?
        };
        permit.hold();
        Ok(Self(Some(Arc::downgrade(&handle.shared))))
    }

    /// Takes a permit of the sender's own mailbox.
    fn of_sender(sender: &WeakHandle<W>) -> Result<Self, NotSent> {
        let target = sender.target();
        if let Some(shared) = target.upgrade() {
            shared.mailbox.reserve_on_credit()?.hold();
        }
        Ok(Self(Some(target)))
    }

    /// Takes a permit however long that takes. A mailbox that is closed meanwhile needs none, to
    /// refuse the message.
    async fn take_some_time<S: Handlers>(handle: &WeakHandle<W>, sender: &WeakHandle<S>) -> Self {
        let target = handle.target();
        if let Some(shared) = target.upgrade() {
            let mailbox = &shared.shared().mailbox;
            let permit = if sender.is_same(handle) {
                mailbox.reserve_on_credit().ok()
            } else {
                mailbox.reserve().await.ok()
            };
            if let Some(permit) = permit {
                permit.hold();
            }
        }
        Self(Some(target))
    }

    /// Gives the permit back, once.
    fn give_back(&mut self) {
        if let Some(shared) = self.0.take().as_ref().and_then(Weak::upgrade) {
            drop(shared.mailbox.held());
        }
    }

    /// Queues the message. If nothing is left of the worker, it is refused as by one that has
    /// stopped; the hook for undelivered messages has gone with the worker.
    fn send(mut self, mut message: W::Message) {
        match self.0.take().and_then(|target| target.upgrade()) {
            Some(shared) => shared.mailbox.held().send(message),
            None => {
                let stopped = Refusal::Stopped(Stopped::Dropped);
                let _ = caught(|| message.gate().refuse(stopped).map(|tell| tell()));
                drop(drop_caught(message));
            }
        }
    }
}

impl<W: Handlers> Drop for HeldPermit<W> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A cast that waits for the commit.
struct HeldCast<W: Handlers, A> {
    permit: HeldPermit<W>,
    args: MessageArgs<A>,
    message: fn(Cast<A>) -> W::Message,
}

impl<W: Handlers, A: Send + 'static> Departs for HeldCast<W, A> {
    fn depart(self: Box<Self>) {
        let Self { permit, args, message } = *self;
        permit.send(message(Cast::new(args)));
    }

    fn give_permits_back(&mut self) {
        self.permit.give_back();
    }
}

impl<W: Handlers, A, M: Message> sealed::Sealed<M> for CastRequest<'_, W, A> {}

#[diagnostic::do_not_recommend]
impl<W: Handlers, A: Send + 'static, M: Message> Outgoing<M, A> for CastRequest<'_, W, A> {
    async fn prepare<S: Handlers<Message = M>>(
        self,
        sender: WeakHandle<S>,
    ) -> Result<Box<dyn Departs>, CastError<A>> {
        let UnsentCast { handle, message, args } = self.into_unsent();
        match HeldPermit::take(handle, Full::Wait, &sender).await {
            Ok(permit) => Ok(Box::new(HeldCast { permit, args, message })),
            Err(why) => Err(not_sent(args.into_inner(), why)),
        }
    }

    fn send_some_time<S: Handlers<Message = M>>(self, sender: WeakHandle<S>) -> SomeTime {
        let UnsentCast { handle, message, args } = self.into_unsent();
        let target = handle.downgrade();
        Box::pin(async move {
            let permit = HeldPermit::take_some_time(&target, &sender).await;
            Box::new(HeldCast { permit, args, message }).depart();
        })
    }
}

/// A call that waits for the commit.
struct HeldCall<W: Handlers, A, R, S: Handlers, T> {
    permit: HeldPermit<W>,
    args: MessageArgs<A>,
    message: fn(Call<A, R>) -> W::Message,
    answer: Answer<S, R, T>,
}

impl<W: Handlers, A: Send + 'static, R: Send + 'static, S: Handlers, T: Send + 'static> Departs
    for HeldCall<W, A, R, S, T>
{
    fn depart(self: Box<Self>) {
        let Self { permit, args, message, answer } = *self;
        permit.send(message(answer.call(args)));
    }

    fn give_permits_back(&mut self) {
        self.permit.give_back();
        self.answer.permit.give_back();
    }
}

impl<W: Handlers, A, R, M: Message, T> sealed::Sealed<M> for AnsweredCall<'_, W, A, R, M, T> {}

#[diagnostic::do_not_recommend]
impl<W: Handlers, A: Send + 'static, R: Send + 'static, M: Message, T: Send + 'static> Outgoing<M, (A, T)>
    for AnsweredCall<'_, W, A, R, M, T>
{
    async fn prepare<S: Handlers<Message = M>>(
        self,
        sender: WeakHandle<S>,
    ) -> Result<Box<dyn Departs>, CastError<(A, T)>> {
        let Self { request, with, handler } = self;
        let UnsentCall { handle, message, full, args } = request.into_unsent();
        // First that of the sender, for which it never waits.
        let permits = match HeldPermit::of_sender(&sender) {
            Ok(own) => HeldPermit::take(handle, full, &sender).await.map(|permit| (permit, own)),
            Err(why) => Err(why),
        };
        match permits {
            Ok((permit, own)) => {
                let answer = Answer::new(own, with, handler);
                Ok(Box::new(HeldCall { permit, args, message, answer }))
            }
            Err(why) => Err(not_sent((args.into_inner(), with), why)),
        }
    }

    fn send_some_time<S: Handlers<Message = M>>(self, sender: WeakHandle<S>) -> SomeTime {
        let Self { request, with, handler } = self;
        let UnsentCall { handle, message, args, .. } = request.into_unsent();
        let target = handle.downgrade();
        Box::pin(async move {
            let own = HeldPermit::take_some_time(&sender, &sender).await;
            let permit = HeldPermit::take_some_time(&target, &sender).await;
            let answer = Answer::new(own, with, handler);
            Box::new(HeldCall { permit, args, message, answer }).depart();
        })
    }
}

fn not_sent<A>(args: A, why: NotSent) -> CastError<A> {
    CastError::NotSent { args: Unsent::new(args), why }
}

/// Where the answer of a call goes: a handler of the worker that has sent it, and what it is to be
/// given.
struct Answer<S: Handlers, R, T> {
    permit: HeldPermit<S>,
    /// Its destructor is caught by itself: it is dropped together with the arguments of the call,
    /// and two panics at once end the process.
    with: CatchDrop<T>,
    handler: AnswerHandler<T, R, S::Message>,
}

/// An answer that is awaited: the waker of its reply channel. Whoever answers, or lets the message
/// go, passes the answer on.
struct Awaited<S: Handlers, R, T>(Lock<Option<AwaitedAnswer<S, R, T>>>);

type AwaitedAnswer<S, R, T> = (Answer<S, R, T>, ReplyReceiver<Heard<R>>);

impl<S: Handlers, R: Send + 'static, T: Send + 'static> Answer<S, R, T> {
    fn new(permit: HeldPermit<S>, with: T, handler: AnswerHandler<T, R, S::Message>) -> Self {
        Self { permit, with: CatchDrop::new(with), handler }
    }

    /// The call, whose answer comes here.
    fn call<A>(self, args: MessageArgs<A>) -> Call<A, R> {
        let awaited = Arc::new(Awaited(Lock::new(None)));
        let (call, receiver) = Call::new(args, Waker::from(Arc::clone(&awaited)));
        awaited.0.set(Some((self, receiver)));
        call
    }

    fn pass_on(self, outcome: Option<Heard<R>>) {
        let Self { permit, with, handler } = self;
        let outcome: Result<R, CallError> = heard(outcome);
        permit.send(handler(Cast::new((with.into_inner(), outcome))));
    }
}

impl<S: Handlers, R: Send + 'static, T: Send + 'static> Wake for Awaited<S, R, T> {
    fn wake(self: Arc<Self>) {
        // Woken once: the reply is there, or there will be none.
        if let Some((answer, receiver)) = self.0.take() {
            answer.pass_on(receiver.into_heard());
        }
    }
}
