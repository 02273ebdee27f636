//! Calls and casts: how a handle sends them, and what their senders are told.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};

use tokio::task::coop::poll_proceed;

use crate::handle::Handle;
use crate::mailbox::{Answer, Call, CallError, Cast, CastError, Message, NotSent, Outcome, Place, Unsent};
use crate::patience::{Late, Patience};
use crate::race::{Either, race};
use crate::status::Status;
use crate::worker::{Handlers, WhileDown};

impl<W: Handlers> Handle<W> {
    /// Sends a call and waits for its reply. The generated methods are made of this.
    ///
    /// Waits while the mailbox is full, and while the worker is between two incarnations, unless its spec
    /// [says otherwise](crate::Spec::while_down). Cancel safe in this sense:
    /// dropped before the message is queued, it has no effect; dropped after, the message is served and its reply discarded.
    ///
    /// # Errors
    /// [`CallError`] tells what became of the call.
    pub async fn call<A, R>(
        &self,
        args: A,
        message: fn(Call<A, R>) -> W::Message,
    ) -> Result<R, CallError<A>> {
        let mut patience = self.patience();
        let place = self.place(&mut patience).await;
        send_call(patience, place, args, Call::new, message).await
    }

    /// Sends a call if the mailbox has a place for it, and waits for its reply.
    ///
    /// # Errors
    /// As [`call`](Self::call), and [`NotSent::Full`].
    pub async fn try_call<A, R>(
        &self,
        args: A,
        message: fn(Call<A, R>) -> W::Message,
    ) -> Result<R, CallError<A>> {
        send_call(self.patience(), self.try_place(), args, Call::new, message).await
    }

    /// As [`call`](Self::call), for a message that is served up to `redeliver` times more if its worker dies over it: its
    /// effects on the recorded tables are undone before, anything else it did is done again (at least once).
    ///
    /// # Errors
    /// As [`call`](Self::call); [`CallError::Died`] tells of the last attempt.
    pub async fn call_again<A: Clone, R>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Call<A, R>) -> W::Message,
    ) -> Result<R, CallError<A>> {
        let mut patience = self.patience();
        let place = self.place(&mut patience).await;
        send_call(patience, place, args, |args, waker| Call::again(args, redeliver, waker), message).await
    }

    /// As [`try_call`](Self::try_call), for a message that is served again as in [`call_again`](Self::call_again).
    ///
    /// # Errors
    /// As both of them.
    pub async fn try_call_again<A: Clone, R>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Call<A, R>) -> W::Message,
    ) -> Result<R, CallError<A>> {
        let call = |args, waker| Call::again(args, redeliver, waker);
        send_call(self.patience(), self.try_place(), args, call, message).await
    }

    /// Sends a cast: returns when it is queued. It is served, unless the worker stops for good before, or dies over it: then
    /// [`Spec::on_undelivered`](crate::Spec::on_undelivered) gets it, for a cast has nobody to tell. Waits while the mailbox is
    /// full; cancel safe as [`call`](Self::call).
    ///
    /// # Errors
    /// [`CastError`] tells why it was not queued.
    pub async fn cast<A>(&self, args: A, message: fn(Cast<A>) -> W::Message) -> Result<(), CastError<A>> {
        send_cast(self.place(&mut self.patience()).await, args, Cast::new, message)
    }

    /// Sends a cast if the mailbox has a place for it.
    ///
    /// # Errors
    /// As [`cast`](Self::cast), and [`NotSent::Full`].
    pub fn try_cast<A>(&self, args: A, message: fn(Cast<A>) -> W::Message) -> Result<(), CastError<A>> {
        send_cast(self.try_place(), args, Cast::new, message)
    }

    /// As [`cast`](Self::cast), for a message that is served again as in [`call_again`](Self::call_again).
    ///
    /// # Errors
    /// As [`cast`](Self::cast).
    pub async fn cast_again<A: Clone>(
        &self,
        args: A,
        redeliver: u32,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastError<A>> {
        send_cast(self.place(&mut self.patience()).await, args, |args| Cast::again(args, redeliver), message)
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
        send_cast(self.try_place(), args, |args| Cast::again(args, redeliver), message)
    }

    fn patience(&self) -> Patience<'_> {
        Patience::new(&self.post.roster, self.post.while_down, self.timeout)
    }

    /// Waits for a place in the mailbox. There mostly is one; the wait is in a box, so that what does not wait stays small.
    async fn place(&self, patience: &mut Patience<'_>) -> Result<Place<'_, W::Message>, NotSent> {
        let at_once = poll_fn(|cx| {
            // A task that only sends yields now and then, as with tokio's own channels.
            poll_proceed(cx).map(|turn| {
                turn.made_progress();
                self.try_place()
            })
        });
        match at_once.await {
            Err(NotSent::Full) => Box::pin(self.wait_for_place(patience)).await,
            at_once => at_once,
        }
    }

    async fn wait_for_place(&self, patience: &mut Patience<'_>) -> Result<Place<'_, W::Message>, NotSent> {
        let place = patience.wait_for(self.post.mailbox.reserve());
        let place = match self.post.while_down {
            WhileDown::Wait | WhileDown::WaitFor(_) => place.await,
            WhileDown::Fail => match race(pin!(self.post.roster.until_not_serving()), pin!(place)).await {
                Either::Left(status) => return Err(self.down(status)),
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
        if self.post.while_down == WhileDown::Fail
            && let Some(status) = self.post.roster.not_serving()
        {
            return Err(self.down(status));
        }
        self.post.mailbox.try_reserve()
    }

    /// Why nothing is sent to a worker that does not serve.
    fn down(&self, status: Status) -> NotSent {
        match self.post.mailbox.closed() {
            Some(why) => NotSent::Stopped(why),
            None => NotSent::Down(status),
        }
    }
}

async fn send_call<M: Message, A, R>(
    mut patience: Patience<'_>,
    place: Result<Place<'_, M>, NotSent>,
    args: A,
    call: impl FnOnce(A, Waker) -> (Call<A, R>, Answer<R>),
    message: fn(Call<A, R>) -> M,
) -> Result<R, CallError<A>> {
    let place = match place {
        Ok(place) => place,
        Err(why) => return Err(CallError::NotSent { args: Unsent::new(args), why }),
    };
    // From here to the first look at the answer is one poll, with this waker.
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let (call, answer) = call(args, waker);
    place.send(message(call));
    match patience.wait_for(answer).await {
        Ok(Outcome::Reply(reply)) => Ok(reply),
        Ok(Outcome::Refused(why)) => Err(CallError::refused(*why)),
        Ok(Outcome::Unanswered) => Err(CallError::Unanswered),
        Err(Late::TimedOut(bound)) => Err(CallError::TimedOut(bound)),
        Err(Late::DownFor(bound)) => Err(CallError::DownFor(bound)),
    }
}

fn send_cast<A, M: Message>(
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
