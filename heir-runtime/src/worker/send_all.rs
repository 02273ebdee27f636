//! The methods of a handle that send many casts, which are queued several at a time.

use std::future::poll_fn;
use std::iter::Fuse;

use crate::mailbox::Batch;
use crate::mailbox::Cast;
use crate::mailbox::CastAllError;
use crate::mailbox::MessageArgs;
use crate::mailbox::NotSent;
use crate::mailbox::Unsent;
use crate::util::caught::CatchDrop;
use crate::util::meter;
use crate::worker::Handlers;
use crate::worker::handle::Handle;
use crate::worker::permits::Full;
use crate::worker::request::{poll_yield, take_back};

/// How many casts are queued under one lock at most: the lock is short, and other senders come in
/// between.
const TOGETHER: usize = 64;

impl<W: Handlers> Handle<W> {
    /// Sends a cast for each item of `all`, in their order, and returns when all are queued.
    ///
    /// It queues as many casts at a time as the mailbox has room for (up to 64), and wakes the
    /// worker once for them. While the mailbox is full it waits, as [`cast`](Self::cast) does; other
    /// senders that wait get their turn in between. The timeout of the
    /// [handle](Self::with_timeout) bounds the whole of it. What becomes of a cast once it is
    /// queued is as with `cast`. An item is the tuple of a cast's arguments, or
    /// [`MessageArgs::redeliver`] of one.
    ///
    /// Dropped before it is done, the future leaves the casts queued that are queued; the others
    /// have had no effect, and their arguments are dropped. So it is if the iterator panics. The
    /// iterator is up to 64 items ahead of what is queued, and runs while no lock is held.
    ///
    /// # Errors
    /// The first casts are queued, as many as [`sent`](CastAllError::sent) says, and the others are
    /// not. To give back [their arguments](CastAllError::into_args), the rest of the iterator is
    /// collected, which must have an end then. [`why`](CastAllError::why) is:
    /// - [`NotSent::Stopped`]: the worker stopped for good.
    /// - [`NotSent::TimedOut`]: the mailbox was full, and the handle's timeout was over.
    /// - [`NotSent::Down`], [`NotSent::DownFor`]: no incarnation serves, and the worker's spec says
    ///   [not to wait](crate::Spec::while_down).
    /// - [`NotSent::ToItself`]: the worker's own handler awaits this, and the mailbox is full.
    ///
    /// # Example
    /// ```
    /// # use heir_runtime::prelude::*;
    /// #[heir(mailbox = 10)]
    /// struct Log { #[table(keep)] lines: Vec<String> }
    ///
    /// #[handlers]
    /// impl Log {
    ///     #[cast]
    ///     fn append(&mut self, line: String) {
    ///         self.lines.push(line);
    ///     }
    ///
    ///     fn count(&mut self) -> usize {
    ///         self.lines.len()
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app");
    /// let log = tree.worker(Log::spec());
    /// let tree = tree.start().await?;
    ///
    /// let lines = (0..1000).map(|n| format!("line {n}"));
    /// log.cast_all(lines.map(|line| (line,)), LogMessage::Append).await?;
    /// assert_eq!(log.count().await?, 1000);
    /// tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn cast_all<A: 'static>(
        &self,
        all: impl IntoIterator<Item = impl Into<MessageArgs<A>>>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastAllError<A>> {
        let mut casts = Casts::<W, _, _>::new(all, message);
        let mut deadline = self.deadline();
        while casts.fill() {
            poll_fn(poll_yield).await;
            match self.put_casts(&mut casts.batch) {
                Ok(queued) => casts.sent += queued,
                Err(NotSent::Full) => match self.permit(Full::Wait, &mut deadline).await {
                    Ok(permit) => {
                        if let Some(first) = casts.batch.pop() {
                            permit.send(first);
                            casts.sent += 1;
                        }
                    }
                    Err(why) => return Err(casts.not_sent(why)),
                },
                Err(why) => return Err(casts.not_sent(why)),
            }
        }
        Ok(())
    }

    /// As [`cast_all`](Self::cast_all), but fails when the mailbox is full. It has nothing to wait
    /// for, and so returns no future.
    ///
    /// # Errors
    /// As [`cast_all`](Self::cast_all), and [`NotSent::Full`]: what fitted is queued.
    ///
    /// # Example
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir(mailbox = 10)]
    /// # struct Log { #[table(keep)] lines: Vec<String> }
    /// # #[handlers]
    /// # impl Log {
    /// #     #[cast]
    /// #     fn append(&mut self, line: String) { self.lines.push(line); }
    /// # }
    /// # let mut tree = Supervisor::builder("app");
    /// let log = tree.worker(Log::spec()); // Its mailbox has room for 10 messages.
    ///
    /// let lines = (1..=12).map(|n| format!("line {n}"));
    /// let error = log.try_cast_all(lines.map(|line| (line,)), LogMessage::Append).unwrap_err();
    /// assert_eq!(error.to_string(), "2 of 12 casts were not sent: the mailbox is full");
    /// assert_eq!(error.sent, 10);
    /// assert_eq!(error.into_args(), [("line 11".to_owned(),), ("line 12".to_owned(),)]);
    /// ```
    pub fn try_cast_all<A: 'static>(
        &self,
        all: impl IntoIterator<Item = impl Into<MessageArgs<A>>>,
        message: fn(Cast<A>) -> W::Message,
    ) -> Result<(), CastAllError<A>> {
        let mut casts = Casts::<W, _, _>::new(all, message);
        while casts.fill() {
            match self.put_casts(&mut casts.batch) {
                Ok(queued) => casts.sent += queued,
                Err(why) => return Err(casts.not_sent(why)),
            }
        }
        Ok(())
    }
}

/// The casts that have not been queued yet: those of the batch, and then the rest.
struct Casts<W: Handlers, A, I> {
    batch: Batch<W::Message>,
    rest: Fuse<I>,
    message: fn(Cast<A>) -> W::Message,
    /// How many have been queued.
    sent: usize,
}

impl<W: Handlers, A: 'static, I: Iterator<Item: Into<MessageArgs<A>>>> Casts<W, A, I> {
    fn new(all: impl IntoIterator<IntoIter = I>, message: fn(Cast<A>) -> W::Message) -> Self {
        Self { batch: Batch::new(TOGETHER), rest: all.into_iter().fuse(), message, sent: 0 }
    }

    /// Fills the batch from the iterator, which is not our code. Says whether a cast is left.
    fn fill(&mut self) -> bool {
        while self.batch.len() < TOGETHER
            && let Some(args) = self.rest.next()
        {
            self.batch.push((self.message)(Cast::new(args)));
        }
        self.batch.len() > 0
    }

    /// Collects the arguments of the casts that are left.
    fn not_sent(mut self, why: NotSent) -> CastAllError<A> {
        // Caught until all are there: the iterator may panic, and then they are dropped.
        let mut unsent = Vec::with_capacity(self.batch.len());
        while let Some(message) = self.batch.pop() {
            unsent.push(CatchDrop::new(take_back(message)));
        }
        unsent.extend(self.rest.map(|args| CatchDrop::new(args.into().into_inner())));
        let unsent: Vec<_> = unsent.into_iter().map(CatchDrop::into_inner).collect();
        meter::refused(W::NAME, why.word(), unsent.len());
        CastAllError { sent: self.sent, unsent: Unsent::new(unsent), why }
    }
}
