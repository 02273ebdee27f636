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
use crate::util::caught::{CatchDrop, caught};
use crate::util::deadline;
use crate::util::reply::ReplyReceiver;
use crate::util::sync::Lock;
use crate::worker::Handlers;
use crate::worker::handle::{Handle, WeakHandle};
use crate::worker::outbox::Departs;
use crate::worker::permits::Full;
use crate::worker::place::Place;
use crate::worker::request::{CallRequest, CastRequest, UnsentCall, UnsentCast, heard};

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

/// What a message is made of when it leaves.
trait Letter<W: Handlers>: Send + 'static {
    /// What comes back if it is not sent.
    type Unsent;

    /// The clock of its handle's timeout begins, if it has one.
    fn begin(&mut self) {}

    fn into_message(self) -> W::Message;

    fn into_unsent(self) -> Self::Unsent;
}

/// A message that waits for the commit.
struct Held<W: Handlers, L> {
    place: Place<W>,
    letter: L,
}

impl<W: Handlers, L: Letter<W>> Departs for Held<W, L> {
    fn depart(self: Box<Self>) {
        let Self { place, letter } = *self;
        place.send(letter.into_message());
    }

    fn give_permits_back(&mut self) {
        self.place.give_back();
    }
}

/// Takes a place for the letter, which waits there for the commit.
async fn hold<W: Handlers, L: Letter<W>, S: Handlers>(
    handle: &Handle<W>,
    full: Full,
    mut letter: L,
    sender: WeakHandle<S>,
    may_wait: bool,
) -> Result<Box<dyn Departs>, CastError<L::Unsent>> {
    letter.begin();
    match Place::take(handle, full, &sender, may_wait).await {
        Ok(place) => Ok(Box::new(Held { place, letter })),
        Err(why) => Err(CastError::not_sent(letter.into_unsent(), Handle::<W>::refuses(why))),
    }
}

/// Sends the letter when there is a place for it.
fn send_some_time<W: Handlers, L: Letter<W>, S: Handlers>(
    handle: &Handle<W>,
    mut letter: L,
    sender: WeakHandle<S>,
) -> SomeTime {
    let target = handle.downgrade();
    Box::pin(async move {
        let place = Place::take_some_time(&target, &sender).await;
        letter.begin();
        place.send(letter.into_message());
    })
}

struct CastLetter<W: Handlers, A> {
    args: MessageArgs<A>,
    message: fn(Cast<A>) -> W::Message,
}

impl<W: Handlers, A: Send + 'static> Letter<W> for CastLetter<W, A> {
    type Unsent = A;

    fn into_message(self) -> W::Message {
        (self.message)(Cast::new(self.args))
    }

    fn into_unsent(self) -> A {
        self.args.into_inner()
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
        hold(handle, Full::Wait, CastLetter { args, message }, sender, may_wait).await
    }

    fn send_some_time<S: Handlers<Message = M>>(self, sender: WeakHandle<S>) -> SomeTime {
        let UnsentCast { handle, message, args } = self.into_unsent();
        send_some_time(handle, CastLetter { args, message }, sender)
    }
}

struct CallLetter<W: Handlers, A, R, S: Handlers, T> {
    args: MessageArgs<A>,
    message: fn(Call<A, R>) -> W::Message,
    answer: Answer<S, R, T>,
    timeout: Option<Duration>,
    /// When the answer is late, if the handle has a timeout.
    deadline: Option<Deadline>,
}

/// A timeout, and when it is over.
type Deadline = (Duration, Instant);

impl<W: Handlers, A: Send + 'static, R: Send + 'static, S: Handlers, T: Send + 'static> Letter<W>
    for CallLetter<W, A, R, S, T>
{
    type Unsent = (A, T);

    fn begin(&mut self) {
        // A timeout beyond the end of the clock is none.
        self.deadline = self.timeout.and_then(|timeout| Some((timeout, deadline::after(timeout)?)));
    }

    fn into_message(self) -> W::Message {
        (self.message)(self.answer.call(self.args, self.deadline))
    }

    fn into_unsent(self) -> (A, T) {
        (self.args.into_inner(), self.answer.with.into_inner())
    }
}

impl<W: Handlers, A, R, M: Message, T> AnsweredCall<'_, W, A, R, M, T> {
    /// Takes the call apart, for a worker that sends it.
    fn into_letter<S: Handlers<Message = M>>(self, sender: &WeakHandle<S>) -> CallLetter<W, A, R, S, T> {
        let Self { request, with, handler, again } = self;
        let UnsentCall { handle, message, args } = request.into_unsent();
        // Its destructor is caught by itself: it may be dropped together with the arguments of the
        // call, and two panics at once end the process.
        let with = CatchDrop::new(with);
        let answer = Answer { place: Place::beyond(sender), with, handler, again };
        CallLetter { args, message, answer, timeout: handle.timeout, deadline: None }
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
        let (handle, full) = self.request.target();
        hold(handle, full, self.into_letter(&sender), sender, may_wait).await
    }

    fn send_some_time<S: Handlers<Message = M>>(self, sender: WeakHandle<S>) -> SomeTime {
        let (handle, _) = self.request.target();
        send_some_time(handle, self.into_letter(&sender), sender)
    }
}

/// Where the answer of a call goes: a handler of the worker that has sent it, and what it is to be
/// given. The answer needs no permit: its worker cannot be asked to make room while it waits.
struct Answer<S: Handlers, R, T> {
    place: Place<S>,
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
        #[cfg(feature = "store")]
        let call = call.for_a_worker();
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
