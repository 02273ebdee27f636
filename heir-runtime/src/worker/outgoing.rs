//! What `Context::send` takes: casts, and calls whose answer comes to a handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::mailbox::Call;
use crate::mailbox::CallError;
use crate::mailbox::CallResult;
use crate::mailbox::Cast;
use crate::mailbox::CastError;
use crate::mailbox::Heard;
use crate::mailbox::Message;
use crate::mailbox::MessageArgs;
use crate::mailbox::NotSent;
use crate::mailbox::Permit;
use crate::mailbox::Refusal;
use crate::mailbox::Unsent;
use crate::process::status::Stopped;
use crate::util::caught::{CatchDrop, caught, drop_caught};
use crate::util::deadline;
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
    /// Takes the permit, and waits for it only if it may; the rest cannot fail.
    #[doc(hidden)]
    fn prepare<W: Handlers<Message = M>>(
        self,
        sender: WeakHandle<W>,
        may_wait: bool,
    ) -> impl Future<Output = Result<Box<dyn Departs>, CastError<U>>> + Send;

    /// Waits for the permit, as long as it takes, and sends. If the target has stopped for good,
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
    again: Again<T, R>,
}

/// How often the answer is served again, and how that is made of it.
type Again<T, R> = (u32, fn((T, CallResult<R>), u32) -> MessageArgs<(T, CallResult<R>)>);

/// The handler that gets an answer: a variant of its worker's message enum.
type AnswerHandler<T, R, M> = fn(Cast<(T, CallResult<R>)>) -> M;

impl<'h, W: Handlers, A, R> CallRequest<'h, W, A, R> {
    /// Has the answer come to a handler of the worker that [sends](crate::Context::send) this call:
    /// a cast that takes `with`, and the [`CallResult`].
    ///
    /// Whichever incarnation serves then gets it, also beyond the capacity of its mailbox: it is
    /// refused only if that worker has stopped for good. The handle's timeout holds for the permit
    /// and the answer together, from when the call is given to `cx.send`; the handler is then told
    /// [`CallError::TimedOut`].
    ///
    /// If its worker dies over the answer, the answer goes to the hook for undelivered messages,
    /// unless it is to be [served again](AnsweredCall::redeliver).
    pub fn answer_to<T, M: Message>(
        self,
        with: T,
        handler: fn(Cast<(T, CallResult<R>)>) -> M,
    ) -> AnsweredCall<'h, W, A, R, M, T> {
        AnsweredCall { request: self, with, handler, again: (0, |answer, _| answer.into()) }
    }
}

impl<W: Handlers, A, R, M, T> AnsweredCall<'_, W, A, R, M, T> {
    /// Has the answer served again, up to `times` times, if its worker dies over it, as a message
    /// with `#[redeliver(..)]` is: that attribute on the handler holds only for what its handle's
    /// methods send.
    pub fn redeliver(mut self, times: u32) -> Self
    where
        R: Clone,
        T: Clone,
    {
        self.again = (times, MessageArgs::redeliver);
        self
    }
}

/// The place of a message that is held back: its target, and its permit, if it needs one. Dropped
/// without a message, the permit is given back.
struct Place<W: Handlers> {
    target: WeakTarget<W>,
    has_permit: bool,
}

impl<W: Handlers> Place<W> {
    /// A place at a worker. A message of the worker to itself needs no permit, nor does one that may
    /// not wait: nobody would make room for them.
    async fn take<S: Handlers>(
        handle: &Handle<W>,
        full: Full,
        sender: &WeakHandle<S>,
        may_wait: bool,
    ) -> Result<Self, NotSent> {
        let target = handle.downgrade();
        let permit = if sender.is_same(&target) {
            handle.shared.shared().mailbox.closed().map_or(Ok(None), |why| Err(NotSent::Stopped(why)))
        } else if may_wait || full == Full::Fail {
            handle.permit(full, &mut handle.deadline()).await.map(Some)
        } else {
            match handle.permit(Full::Fail, &mut handle.deadline()).await {
                Err(NotSent::Full) => Ok(None),
                permit => permit.map(Some),
            }
        }?;
        let has_permit = permit.is_some();
        permit.into_iter().for_each(Permit::hold);
        Ok(Self { target: target.target(), has_permit })
    }

    /// A place at a worker, however long that takes. A mailbox that is closed meanwhile needs no
    /// permit, to refuse the message.
    async fn take_some_time<S: Handlers>(handle: &WeakHandle<W>, sender: &WeakHandle<S>) -> Self {
        let mut place = Self::beyond(handle);
        if !sender.is_same(handle)
            && let Some(shared) = place.target.upgrade()
            && let Ok(permit) = shared.mailbox.reserve().await
        {
            permit.hold();
            place.has_permit = true;
        }
        place
    }

    /// A place beyond the capacity of the mailbox.
    fn beyond(handle: &WeakHandle<W>) -> Self {
        Self { target: handle.target(), has_permit: false }
    }

    /// Gives the permit back, once.
    fn give_back(&mut self) {
        if std::mem::take(&mut self.has_permit)
            && let Some(shared) = self.target.upgrade()
        {
            drop(shared.mailbox.held());
        }
    }

    /// Queues the message. If nothing is left of the worker, it is refused as by one that has
    /// stopped; the hook for undelivered messages has gone with the worker.
    fn send(mut self, mut message: W::Message) {
        let has_permit = std::mem::take(&mut self.has_permit);
        match self.target.upgrade() {
            Some(shared) if has_permit => shared.mailbox.held().send(message),
            Some(shared) => shared.mailbox.send_beyond(message),
            None => {
                let stopped = Refusal::Stopped(Stopped::Dropped);
                let _ = caught(|| message.gate().refuse(stopped).map(|tell| tell()));
                drop(drop_caught(message));
            }
        }
    }
}

impl<W: Handlers> Drop for Place<W> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A cast that waits for the commit.
struct HeldCast<W: Handlers, A> {
    place: Place<W>,
    args: MessageArgs<A>,
    message: fn(Cast<A>) -> W::Message,
}

impl<W: Handlers, A: Send + 'static> Departs for HeldCast<W, A> {
    fn depart(self: Box<Self>) {
        let Self { place, args, message } = *self;
        place.send(message(Cast::new(args)));
    }

    fn give_permits_back(&mut self) {
        self.place.give_back();
    }
}

impl<W: Handlers, A, M: Message> sealed::Sealed<M> for CastRequest<'_, W, A> {}

#[diagnostic::do_not_recommend]
impl<W: Handlers, A: Send + 'static, M: Message> Outgoing<M, A> for CastRequest<'_, W, A> {
    async fn prepare<S: Handlers<Message = M>>(
        self,
        sender: WeakHandle<S>,
        may_wait: bool,
    ) -> Result<Box<dyn Departs>, CastError<A>> {
        let UnsentCast { handle, message, args } = self.into_unsent();
        match Place::take(handle, Full::Wait, &sender, may_wait).await {
            Ok(place) => Ok(Box::new(HeldCast { place, args, message })),
            Err(why) => Err(not_sent(args.into_inner(), why)),
        }
    }

    fn send_some_time<S: Handlers<Message = M>>(self, sender: WeakHandle<S>) -> SomeTime {
        let UnsentCast { handle, message, args } = self.into_unsent();
        let target = handle.downgrade();
        Box::pin(async move {
            let place = Place::take_some_time(&target, &sender).await;
            Box::new(HeldCast { place, args, message }).depart();
        })
    }
}

/// A call that waits for the commit.
struct HeldCall<W: Handlers, A, R, S: Handlers, T> {
    place: Place<W>,
    args: MessageArgs<A>,
    message: fn(Call<A, R>) -> W::Message,
    answer: Answer<S, R, T>,
    /// When the answer is late, if the handle has a timeout.
    deadline: Option<Deadline>,
}

/// A timeout, and when it is over.
type Deadline = (Duration, Instant);

impl<W: Handlers, A: Send + 'static, R: Send + 'static, S: Handlers, T: Send + 'static> Departs
    for HeldCall<W, A, R, S, T>
{
    fn depart(self: Box<Self>) {
        let Self { place, args, message, answer, deadline } = *self;
        place.send(message(answer.call(args, deadline)));
    }

    fn give_permits_back(&mut self) {
        self.place.give_back();
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
        may_wait: bool,
    ) -> Result<Box<dyn Departs>, CastError<(A, T)>> {
        let Self { request, with, handler, again } = self;
        let UnsentCall { handle, message, full, args } = request.into_unsent();
        let deadline = due(handle.timeout);
        match Place::take(handle, full, &sender, may_wait).await {
            Ok(place) => {
                let answer = Answer::new(&sender, with, handler, again);
                Ok(Box::new(HeldCall { place, args, message, answer, deadline }))
            }
            Err(why) => Err(not_sent((args.into_inner(), with), why)),
        }
    }

    fn send_some_time<S: Handlers<Message = M>>(self, sender: WeakHandle<S>) -> SomeTime {
        let Self { request, with, handler, again } = self;
        let UnsentCall { handle, message, args, .. } = request.into_unsent();
        let (target, timeout) = (handle.downgrade(), handle.timeout);
        Box::pin(async move {
            let place = Place::take_some_time(&target, &sender).await;
            let answer = Answer::new(&sender, with, handler, again);
            let deadline = due(timeout);
            Box::new(HeldCall { place, args, message, answer, deadline }).depart();
        })
    }
}

/// A timeout that begins now. One beyond the end of the clock is none.
fn due(timeout: Option<Duration>) -> Option<Deadline> {
    Some((timeout?, deadline::after(timeout?)?))
}

fn not_sent<A>(args: A, why: NotSent) -> CastError<A> {
    CastError::NotSent { args: Unsent::new(args), why }
}

/// Where the answer of a call goes: a handler of the worker that has sent it, and what it is to be
/// given. The answer needs no permit: its worker cannot be asked to make room while it waits.
struct Answer<S: Handlers, R, T> {
    place: Place<S>,
    /// Its destructor is caught by itself: it is dropped together with the arguments of the call,
    /// and two panics at once end the process.
    with: CatchDrop<T>,
    handler: AnswerHandler<T, R, S::Message>,
    again: Again<T, R>,
}

/// An answer that is awaited: the waker of its reply channel. Whoever answers, or lets the message
/// go, passes the answer on.
struct Awaited<S: Handlers, R, T>(Lock<Option<AwaitedAnswer<S, R, T>>>);

struct AwaitedAnswer<S: Handlers, R, T> {
    answer: Answer<S, R, T>,
    receiver: ReplyReceiver<Heard<R>>,
    /// The task that says that the answer is late.
    timer: Option<AbortHandle>,
}

impl<S: Handlers, R: Send + 'static, T: Send + 'static> Answer<S, R, T> {
    fn new(
        sender: &WeakHandle<S>,
        with: T,
        handler: AnswerHandler<T, R, S::Message>,
        again: Again<T, R>,
    ) -> Self {
        Self { place: Place::beyond(sender), with: CatchDrop::new(with), handler, again }
    }

    /// The call, whose answer comes here.
    fn call<A>(self, args: MessageArgs<A>, deadline: Option<Deadline>) -> Call<A, R> {
        let awaited = Arc::new(Awaited(Lock::new(None)));
        let (call, receiver) = Call::new(args, Waker::from(Arc::clone(&awaited)));
        let timer = deadline.map(|(timeout, due)| {
            let awaited = Arc::downgrade(&awaited);
            let timer = tokio::spawn(async move {
                sleep_until(due).await;
                if let Some(awaited) = awaited.upgrade() {
                    awaited.is_late(timeout);
                }
            });
            timer.abort_handle()
        });
        awaited.0.set(Some(AwaitedAnswer { answer: self, receiver, timer }));
        call
    }

    fn pass_on(self, outcome: CallResult<R>) {
        let Self { place, with, handler, again: (times, args) } = self;
        place.send(handler(Cast::new(args((with.into_inner(), outcome), times))));
    }
}

impl<S: Handlers, R: Send + 'static, T: Send + 'static> Awaited<S, R, T> {
    fn is_late(&self, timeout: Duration) {
        if let Some(AwaitedAnswer { answer, .. }) = self.0.take() {
            let _ = caught(|| answer.pass_on(Err(CallError::TimedOut(timeout))));
        }
    }
}

impl<S: Handlers, R: Send + 'static, T: Send + 'static> Wake for Awaited<S, R, T> {
    fn wake(self: Arc<Self>) {
        // Woken once: the reply is there, or there will be none.
        if let Some(AwaitedAnswer { answer, receiver, timer }) = self.0.take() {
            if let Some(timer) = timer {
                timer.abort();
            }
            answer.pass_on(heard(receiver.into_heard()));
        }
    }
}
