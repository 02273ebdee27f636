//! Calls and casts: how a handle sends them, and what their senders are told.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::task::coop::poll_proceed;

use crate::handle::Handle;
use crate::mailbox::{
    Answer, Call, CallError, Cast, CastError, Message, NotSent, Place, Refusal, Reserve, Unsent,
};
use crate::patience::{Late, Patience};
use crate::post::Post;
use crate::race::{Either, race};
use crate::status::Status;
use crate::worker::{Handlers, WhileDown};

/// What a sender does that finds the mailbox full.
#[derive(Clone, Copy, PartialEq)]
enum Full {
    Wait,
    Fail,
}

/// How far a call is. `U` is what is not sent, `B` the rest of a call whose patience has an end.
enum Stage<'h, U, M: Message, R, B> {
    Unsent(Option<U>),
    Waits(Option<U>, Reserve<'h, M>),
    Sent(Answer<'h, M, R>),
    Bounded(Pin<Box<B>>),
}

const DONE: &str = "polled after it was done";

impl<W: Handlers> Handle<W> {
    /// Sends a call and waits for its reply. The generated methods are made of this.
    ///
    /// Waits while the mailbox is full, and while the worker is between two incarnations, unless its spec
    /// [says otherwise](crate::Spec::while_down). Cancel safe in this sense:
    /// dropped before the message is queued, it has no effect; dropped after, the message is served and its reply discarded.
    ///
    /// # Errors
    /// [`CallError`] tells what became of the call.
    pub fn call<A, R: 'static>(
        &self,
        args: A,
        message: fn(Call<A, R>) -> W::Message,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        self.send_call(args, Call::new, message, Full::Wait)
    }

    /// Sends a call if the mailbox has a place for it, and waits for its reply.
    ///
    /// # Errors
    /// As [`call`](Self::call), and [`NotSent::Full`].
    pub fn try_call<A, R: 'static>(
        &self,
        args: A,
        message: fn(Call<A, R>) -> W::Message,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        self.send_call(args, Call::new, message, Full::Fail)
    }

    /// As [`call`](Self::call), for a message that is served up to `redeliver` times more if its worker dies over it: its
    /// effects on the recorded tables are undone before, anything else it did is done again (at least once).
    ///
    /// # Errors
    /// As [`call`](Self::call); [`CallError::Died`] tells of the last attempt.
    pub fn call_again<A: Clone, R: 'static>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Call<A, R>) -> W::Message,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        let call = move |args| Call::again(args, redeliver);
        self.send_call(args, call, message, Full::Wait)
    }

    /// As [`try_call`](Self::try_call), for a message that is served again as in [`call_again`](Self::call_again).
    ///
    /// # Errors
    /// As both of them.
    pub fn try_call_again<A: Clone, R: 'static>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Call<A, R>) -> W::Message,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        let call = move |args| Call::again(args, redeliver);
        self.send_call(args, call, message, Full::Fail)
    }

    /// Sends a cast: returns when it is queued. It is served, unless the worker stops for good before, or dies over it: then
    /// [`Spec::on_undelivered`](crate::Spec::on_undelivered) gets it, for a cast has nobody to tell. Waits while the mailbox is
    /// full; cancel safe as [`call`](Self::call).
    ///
    /// # Errors
    /// [`CastError`] tells why it was not queued.
    pub fn cast<A>(
        &self,
        args: A,
        message: fn(Cast<A>) -> W::Message,
    ) -> impl Future<Output = Result<(), CastError<A>>> {
        self.send_cast(args, Cast::new, message)
    }

    /// Sends a cast if the mailbox has a place for it.
    ///
    /// # Errors
    /// As [`cast`](Self::cast), and [`NotSent::Full`].
    pub fn try_cast<A>(&self, args: A, message: fn(Cast<A>) -> W::Message) -> Result<(), CastError<A>> {
        put_cast(self.try_place(), args, Cast::new, message)
    }

    /// As [`cast`](Self::cast), for a message that is served again as in [`call_again`](Self::call_again).
    ///
    /// # Errors
    /// As [`cast`](Self::cast).
    pub fn cast_again<A: Clone>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Cast<A>) -> W::Message,
    ) -> impl Future<Output = Result<(), CastError<A>>> {
        self.send_cast(args, move |args| Cast::again(args, redeliver), message)
    }

    /// As [`try_cast`](Self::try_cast), for a message that is served again as in [`call_again`](Self::call_again).
    ///
    /// # Errors
    /// As [`try_cast`](Self::try_cast).
    pub fn try_cast_again<A: Clone>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastError<A>> {
        put_cast(self.try_place(), args, |args| Cast::again(args, redeliver), message)
    }

    /// Most calls are sent in the first poll and answered in the second, and this future is for them. What has an end to its patience
    /// is another one, in a box.
    fn send_call<A, R: 'static>(
        &self,
        args: A,
        call: impl FnOnce(A) -> Call<A, R>,
        message: fn(Call<A, R>) -> W::Message,
        full: Full,
    ) -> impl Future<Output = Result<R, CallError<A>>> {
        let mut stage = Stage::Unsent(Some((args, call)));
        poll_fn(move |cx| {
            loop {
                let (unsent, place) = match &mut stage {
                    Stage::Unsent(unsent) if self.is_bounded() => {
                        let (args, call) = unsent.take().expect(DONE);
                        stage = Stage::Bounded(Box::pin(self.call_in_time(args, call, message, full)));
                        continue;
                    }
                    Stage::Unsent(unsent) => {
                        ready!(poll_yield(cx));
                        (unsent, self.try_place())
                    }
                    Stage::Waits(unsent, place) => {
                        (unsent, ready!(Pin::new(place).poll(cx)).map_err(NotSent::Stopped))
                    }
                    Stage::Sent(answer) => return Pin::new(answer).poll(cx).map(heard),
                    Stage::Bounded(bounded) => return bounded.as_mut().poll(cx),
                };
                let (args, call) = unsent.take().expect(DONE);
                match place {
                    Ok(place) => {
                        // From here on it is woken: it need not look before.
                        stage = Stage::Sent(place.call(message(call(args)), cx.waker().clone()));
                        return Poll::Pending;
                    }
                    Err(NotSent::Full) if full == Full::Wait => {
                        stage = Stage::Waits(Some((args, call)), self.post.mailbox.reserve());
                    }
                    Err(why) => return Poll::Ready(Err(not_sent(args, why))),
                }
            }
        })
    }

    /// As [`send_call`](Self::send_call), for as long as its patience lasts.
    async fn call_in_time<A, R: 'static>(
        &self,
        args: A,
        call: impl FnOnce(A) -> Call<A, R>,
        message: fn(Call<A, R>) -> W::Message,
        full: Full,
    ) -> Result<R, CallError<A>> {
        poll_fn(poll_yield).await;
        let mut patience = self.patience();
        let place = match self.try_place() {
            Err(NotSent::Full) if full == Full::Wait => self.wait_for_place(&mut patience).await,
            place => place,
        };
        let place = match place {
            Ok(place) => place,
            Err(why) => return Err(not_sent(args, why)),
        };
        // From here to the first look at the answer is one poll, with this waker.
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let answer = place.call(message(call(args)), waker);
        match patience.wait_for(answer).await {
            Ok(outcome) => heard(outcome),
            Err(Late::TimedOut(bound)) => Err(CallError::TimedOut(bound)),
            Err(Late::DownFor(bound)) => Err(CallError::DownFor(bound)),
        }
    }

    /// Most casts find a place. What they do otherwise is in a box, so that the future stays small.
    async fn send_cast<A>(
        &self,
        args: A,
        cast: impl FnOnce(A) -> Cast<A>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastError<A>> {
        poll_fn(poll_yield).await;
        let place = match self.try_place() {
            Err(NotSent::Full) if self.is_bounded() => {
                Box::pin(self.wait_for_place(&mut self.patience())).await
            }
            Err(NotSent::Full) => self.post.mailbox.reserve().await.map_err(NotSent::Stopped),
            place => place,
        };
        put_cast(place, args, cast, message)
    }

    /// Whether a sender may give up: after a time, or because nobody serves.
    fn is_bounded(&self) -> bool {
        self.timeout.is_some() || self.post.settings.while_down != WhileDown::Wait
    }

    fn patience(&self) -> Patience<'_> {
        Patience::new(&self.post.roster, self.post.settings.while_down, self.timeout)
    }

    async fn wait_for_place(&self, patience: &mut Patience<'_>) -> Result<Place<'_, W::Message>, NotSent> {
        let post = self.post.post();
        let place = patience.wait_for(post.mailbox.reserve());
        let place = match post.settings.while_down {
            WhileDown::Wait | WhileDown::WaitFor(_) => place.await,
            WhileDown::Fail => match race(pin!(post.roster.until_not_serving()), pin!(place)).await {
                Either::Left(status) => return Err(down(post, status)),
                Either::Right(place) => place,
            },
        };
        match place {
            Ok(place) => place.map_err(NotSent::Stopped),
            Err(Late::TimedOut(bound)) => Err(NotSent::TimedOut(bound)),
            Err(Late::DownFor(bound)) => Err(NotSent::DownFor(bound)),
        }
    }

    /// Takes a place in the mailbox if there is one.
    fn try_place(&self) -> Result<Place<'_, W::Message>, NotSent> {
        let post = self.post.post();
        if post.settings.while_down == WhileDown::Fail
            && let Some(status) = post.roster.not_serving()
        {
            return Err(down(post, status));
        }
        post.mailbox.try_reserve()
    }
}

/// Why nothing is sent to a worker that does not serve.
fn down<W: Handlers>(post: &Post<W>, status: Status) -> NotSent {
    match post.mailbox.closed() {
        Some(why) => NotSent::Stopped(why),
        None => NotSent::Down(status),
    }
}

fn not_sent<A>(args: A, why: NotSent) -> CallError<A> {
    CallError::NotSent { args: Unsent::new(args), why }
}

/// A task that only sends yields now and then, as with tokio's own channels.
#[inline]
fn poll_yield(cx: &mut Context<'_>) -> Poll<()> {
    poll_proceed(cx).map(|turn| turn.made_progress())
}

fn put_cast<A, M: Message>(
    place: Result<Place<'_, M>, NotSent>,
    args: A,
    cast: impl FnOnce(A) -> Cast<A>,
    message: fn(Cast<A>) -> M,
) -> Result<(), CastError<A>> {
    match place {
        Ok(place) => {
            place.send(message(cast(args)));
            Ok(())
        }
        Err(why) => Err(CastError::NotSent { args: Unsent::new(args), why }),
    }
}

fn heard<A, R>(outcome: Result<Option<R>, Box<Refusal>>) -> Result<R, CallError<A>> {
    match outcome {
        Ok(Some(reply)) => Ok(reply),
        Ok(None) => Err(CallError::Unanswered),
        Err(why) => Err(CallError::refused(*why)),
    }
}
