//! Attachments: the tasks, timers, futures and streams that run beside an incarnation.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use futures_core::Stream;
use tokio::task::consume_budget;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::process::Attachment;
use crate::process::ExitSignal;
use crate::process::ExitSource;
use crate::process::Running;
use crate::process::exit::ExitReason;
use crate::util::caught::{PanicMessage, caught_async, drop_caught};
use crate::util::deadline;
use crate::util::ours::{are_marked, are_noted, is_noted, ours, tell_noted};
use crate::util::reply::{ReplySender, reply};
use crate::worker::Context;
use crate::worker::Handlers;
use crate::worker::handle::WeakHandle;
use crate::worker::outbox::Departs;
use crate::worker::outgoing::Outgoing;

/// Tasks, timers, futures and streams. Each is an attachment: it runs in a task of its own, so it
/// never keeps a handler waiting, and a handler may wait for it. It ends with the incarnation that
/// made it, unless it is to [outlive it](Attachment::outlives_incarnation).
///
/// A panic in an attachment is an exit signal: it ends the incarnation, unless that
/// [traps exits](Handlers::TRAPS_EXITS).
///
/// All but [`spawn`](Self::spawn) send messages. When it is time, the runtime calls the given
/// function with the worker's handle, and awaits the future that it returns. So each message is an
/// ordinary call or cast, in the mailbox's order, and a full mailbox slows the source down. The
/// runtime ignores the outcome, an error too: look at it in the function if it matters. Until it is
/// time, an attachment keeps neither the worker's tables nor its handles alive; it ends when the
/// worker has stopped for good.
///
/// An attachment stays when the message that made it is undone, and what its function sends leaves
/// when it is time, whatever became of that message. [`send`](Self::send) and
/// [`send_delayed`](Self::send_delayed) take messages as values, which leave with the commit or not
/// at all.
impl<W: Handlers> Context<W> {
    /// Spawns a task that does not outlive this incarnation (`spawn_link`): when the incarnation
    /// ends, the task is aborted at its next await. If it panics, the exit reason has its name.
    ///
    /// ```
    /// # use heir_runtime::{Context, handlers, heir};
    /// # #[heir]
    /// # struct Feed { #[table(keep)] lines: Vec<String> }
    /// #[handlers]
    /// impl Feed {
    ///     #[on(start)]
    ///     fn begin(&mut self, cx: &mut Context<Self>) {
    ///         let feed = cx.handle().clone();
    ///         cx.spawn("reader", async move {
    ///             // .. reads a line
    ///             let Some(feed) = feed.upgrade() else { return };
    ///             let _ = feed.line("a line".into()).await;
    ///         });
    ///     }
    ///
    ///     #[cast]
    ///     fn line(&mut self, line: String) {
    ///         self.lines.push(line);
    ///     }
    /// }
    /// ```
    pub fn spawn(
        &mut self,
        name: impl Into<Arc<str>>,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Attachment {
        self.attach(name.into(), task)
    }

    /// Sends a message after `delay` (`erlang:send_after/3`).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::{Context, handlers, heir};
    /// # #[heir]
    /// # struct Sessions { #[table(keep)] open: Vec<u64> }
    /// #[handlers]
    /// impl Sessions {
    ///     fn open(&mut self, cx: &mut Context<Self>, id: u64) {
    ///         self.open.push(id);
    ///         cx.send_after(Duration::from_mins(30), move |sessions| async move { sessions.expire(id).await });
    ///     }
    ///
    ///     #[cast]
    ///     fn expire(&mut self, id: u64) {
    ///         self.open.retain(|open| *open != id);
    ///     }
    /// }
    /// ```
    pub fn send_after<S>(
        &mut self,
        delay: Duration,
        send: impl FnOnce(W::Handle) -> S + Send + 'static,
    ) -> Attachment
    where
        S: Future + Send + 'static,
    {
        let due = deadline::after(delay);
        self.attach_as("send_after", deadline::until(due), move |handle, ()| send(handle))
    }

    /// Sends a message when `delay` is over, if the message that is being served commits: the delay
    /// begins here. The message is a value, as for [`send`](Self::send).
    ///
    /// It outlives the incarnation, and ends with the worker. Its permit is taken when it is due,
    /// however long that takes; if its target has stopped for good by then, it is refused as those
    /// in the target's mailbox are.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::{Context, handlers, heir};
    /// # #[heir]
    /// # struct Sessions { #[table(keep)] open: Vec<u64> }
    /// #[handlers]
    /// impl Sessions {
    ///     fn open(&mut self, cx: &mut Context<Self>, id: u64) {
    ///         self.open.push(id);
    ///         cx.send_delayed(Duration::from_mins(30), cx.own_handle().expire(id));
    ///     }
    ///
    ///     #[cast]
    ///     fn expire(&mut self, id: u64) {
    ///         self.open.retain(|open| *open != id);
    ///     }
    /// }
    /// ```
    pub fn send_delayed<U>(&mut self, delay: Duration, message: impl Outgoing<W::Message, U>) -> Attachment {
        let due = deadline::after(delay);
        let send = message.send_some_time(self.handle().clone());
        let (committed, commits) = reply(Waker::noop().clone());
        let (sender, incarnation) = (self.handle().clone(), self.incarnation());
        let attachment = self.attach("send_delayed".into(), async move {
            if commits.await.is_some() {
                let unsent = Unsent { sender: Some(sender), incarnation };
                deadline::until(due).await;
                send.await;
                unsent.sent();
            }
        });
        attachment.outlives_incarnation();
        self.outbox.hold(Box::new(Committed(committed)));
        attachment
    }

    /// Sends a message after each `period`, the first after one period (`timer:send_interval/2`).
    ///
    /// A message is not sent before the one before it has been. If that takes longer than a period,
    /// because the mailbox was full or the function waited for a reply, the next message is sent at
    /// once and those after it a period apart; the others that were due meanwhile are left out.
    ///
    /// The timer is this incarnation's, and each incarnation begins anew: a worker that crashes
    /// more often than once a period never gets the message. Prefer
    /// [`#[every(..)]`](macro@crate::handlers), whose due time belongs to the worker, and which a
    /// full mailbox does not hold back, unless the period, or whether there is a timer at all, is
    /// known only while the worker runs, or the message has arguments.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::{Context, handlers, heir};
    /// # #[heir]
    /// # struct Feed { #[table(keep)] polls: u64 }
    /// #[handlers]
    /// impl Feed {
    ///     #[cast]
    ///     fn follow(&mut self, cx: &mut Context<Self>, topic: String, seconds: u64) {
    ///         cx.send_every(Duration::from_secs(seconds), move |feed| {
    ///             let topic = topic.clone();
    ///             async move { feed.poll(topic).await }
    ///         });
    ///     }
    ///
    ///     #[cast]
    ///     fn poll(&mut self, _topic: String) {
    ///         self.polls += 1;
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If `period` is zero.
    pub fn send_every<S>(
        &mut self,
        period: Duration,
        mut send: impl FnMut(W::Handle) -> S + Send + 'static,
    ) -> Attachment
    where
        S: Future + Send + 'static,
    {
        assert!(!period.is_zero(), "the period of `send_every` is not zero");
        let handle = self.handle().clone();
        self.attach("send_every".into(), async move {
            let Some(first) = deadline::after(period) else { return pending().await };
            let mut ticks = interval_at(first, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(message) = handle.upgrade().map(&mut send) else { return };
                message.await;
            }
        })
    }

    /// Sends a message with the output of `future`, when it is ready. If the future panics, that is
    /// an exit signal: [`attach_future_outcome`](Self::attach_future_outcome) sends a message.
    ///
    /// ```
    /// # use heir_runtime::{Context, handlers, heir};
    /// # #[heir]
    /// # struct Names { #[table(keep)] known: Vec<String> }
    /// # async fn look_up(_id: u64) -> String { String::new() }
    /// #[handlers]
    /// impl Names {
    ///     /// Goes on serving while it looks the name up.
    ///     #[cast]
    ///     fn learn(&mut self, cx: &mut Context<Self>, id: u64) {
    ///         cx.attach_future(look_up(id), |names, name| async move { names.learnt(name).await });
    ///     }
    ///
    ///     #[cast]
    ///     fn learnt(&mut self, name: String) {
    ///         self.known.push(name);
    ///     }
    /// }
    /// ```
    pub fn attach_future<F, S>(
        &mut self,
        future: F,
        send: impl FnOnce(W::Handle, F::Output) -> S + Send + 'static,
    ) -> Attachment
    where
        F: Future<Output: Send> + Send + 'static,
        S: Future + Send + 'static,
    {
        self.attach_as("attach_future", future, send)
    }

    /// Sends a message with each item of `stream`, until the stream ends. The next item is taken
    /// when the message with the one before has been sent. The end is not told:
    /// [`attach_stream_to_end`](Self::attach_stream_to_end) does.
    ///
    /// ```
    /// # use heir_runtime::{Context, handlers, heir};
    /// # use std::{pin::Pin, task::{self, Poll}};
    /// # struct Lines;
    /// # impl futures_core::Stream for Lines {
    /// #     type Item = String;
    /// #     fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<String>> { Poll::Ready(None) }
    /// # }
    /// # #[heir]
    /// # struct Feed { #[table(keep)] lines: Vec<String> }
    /// #[handlers]
    /// impl Feed {
    ///     #[on(start)]
    ///     fn open(&mut self, cx: &mut Context<Self>) {
    ///         cx.attach_stream(Lines, |feed, line| async move { feed.line(line).await });
    ///     }
    ///
    ///     #[cast]
    ///     fn line(&mut self, line: String) {
    ///         self.lines.push(line);
    ///     }
    /// }
    /// ```
    pub fn attach_stream<T, S>(
        &mut self,
        stream: T,
        mut send: impl FnMut(W::Handle, T::Item) -> S + Send + 'static,
    ) -> Attachment
    where
        T: Stream<Item: Send> + Send + 'static,
        S: Future + Send + 'static,
    {
        self.attach_items("attach_stream", stream, move |handle, item| item.map(|item| send(handle, item)))
    }

    /// As [`attach_future`](Self::attach_future), but a panic of `future` is sent, too, and is no
    /// exit signal: the worker learns that it will not hear the output. A panic of `send` is one.
    ///
    /// Nothing is sent if the attachment ends before: with its incarnation, or
    /// [cancelled](Attachment::cancel).
    ///
    /// ```
    /// # use heir_runtime::{Context, handlers, heir};
    /// # #[heir]
    /// # struct Names { #[table(keep)] known: Vec<String> }
    /// # async fn look_up(_id: u64) -> String { String::new() }
    /// #[handlers]
    /// impl Names {
    ///     #[cast]
    ///     fn learn(&mut self, cx: &mut Context<Self>, id: u64) {
    ///         cx.attach_future_outcome(look_up(id), |names, name| async move {
    ///             names.learnt(name.unwrap_or_else(|panic| panic.to_string())).await
    ///         });
    ///     }
    ///
    ///     #[cast]
    ///     fn learnt(&mut self, name: String) {
    ///         self.known.push(name);
    ///     }
    /// }
    /// ```
    pub fn attach_future_outcome<F, S>(
        &mut self,
        future: F,
        send: impl FnOnce(W::Handle, Result<F::Output, ExitReason>) -> S + Send + 'static,
    ) -> Attachment
    where
        F: Future<Output: Send> + Send + 'static,
        S: Future + Send + 'static,
    {
        self.attach_as("attach_future_outcome", outcome_of(future), send)
    }

    /// As [`attach_stream`](Self::attach_stream), but the end of the stream is sent, too, as `None`:
    /// the last thing that is sent. A panic of the stream is an exit signal, and not its end.
    ///
    /// Nothing more is sent if the attachment ends before: with its incarnation, or
    /// [cancelled](Attachment::cancel).
    ///
    /// ```
    /// # use heir_runtime::{Context, handlers, heir};
    /// # use std::{pin::Pin, task::{self, Poll}};
    /// # struct Lines;
    /// # impl futures_core::Stream for Lines {
    /// #     type Item = String;
    /// #     fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<String>> { Poll::Ready(None) }
    /// # }
    /// # #[heir]
    /// # struct Feed { #[table(keep)] lines: Vec<String>, #[table(keep)] is_open: bool }
    /// #[handlers]
    /// impl Feed {
    ///     #[on(start)]
    ///     fn open(&mut self, cx: &mut Context<Self>) {
    ///         self.is_open = true;
    ///         cx.attach_stream_to_end(Lines, |feed, line| async move {
    ///             match line {
    ///                 Some(line) => feed.line(line).await.is_ok(),
    ///                 None => feed.closed().await.is_ok(),
    ///             }
    ///         });
    ///     }
    ///
    ///     #[cast]
    ///     fn line(&mut self, line: String) {
    ///         self.lines.push(line);
    ///     }
    ///
    ///     #[cast]
    ///     fn closed(&mut self) {
    ///         self.is_open = false;
    ///     }
    /// }
    /// ```
    pub fn attach_stream_to_end<T, S>(
        &mut self,
        stream: T,
        mut send: impl FnMut(W::Handle, Option<T::Item>) -> S + Send + 'static,
    ) -> Attachment
    where
        T: Stream<Item: Send> + Send + 'static,
        S: Future + Send + 'static,
    {
        self.attach_items("attach_stream_to_end", stream, move |handle, item| Some(send(handle, item)))
    }

    /// Sends what `message` makes of each item, and of the end, if it makes anything of that.
    fn attach_items<T, S>(
        &mut self,
        name: &str,
        stream: T,
        mut message: impl FnMut(W::Handle, Option<T::Item>) -> Option<S> + Send + 'static,
    ) -> Attachment
    where
        T: Stream<Item: Send> + Send + 'static,
        S: Future + Send + 'static,
    {
        let handle = self.handle().clone();
        self.attach(name.into(), async move {
            let mut stream = Box::pin(stream);
            loop {
                let item = poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
                let is_end = item.is_none();
                let Some(message) = handle.upgrade().and_then(|handle| message(handle, item)) else { return };
                message.await;
                if is_end {
                    return;
                }
                // A stream and a mailbox that are always ready never yield.
                consume_budget().await;
            }
        })
    }

    fn attach_as<F, S>(
        &mut self,
        name: &str,
        future: F,
        send: impl FnOnce(W::Handle, F::Output) -> S + Send + 'static,
    ) -> Attachment
    where
        F: Future<Output: Send> + Send + 'static,
        S: Future + Send + 'static,
    {
        let handle = self.handle().clone();
        self.attach(name.into(), async move {
            let output = future.await;
            let Some(message) = handle.upgrade().map(|handle| send(handle, output)) else { return };
            message.await;
        })
    }

    fn attach(&mut self, name: Arc<str>, work: impl Future<Output = ()> + Send + 'static) -> Attachment {
        let worker = self.handle().clone();
        if !are_marked() {
            return self.process.attach(|running| attached(name, work, running, worker));
        }
        let who = are_noted().then(|| worker.who(self.incarnation())).flatten().map(|who| who.task(&name));
        self.process.attach(|running| ours(Box::pin(attached(name, work, running, worker)), who))
    }
}

/// Tells an attachment that the message that made it has committed.
struct Committed(ReplySender<()>);

/// A delayed message that waits to be sent. Dropped before that, it tells of it, unless somebody has
/// cancelled it.
struct Unsent<W: Handlers> {
    /// `None` once it is sent.
    sender: Option<WeakHandle<W>>,
    incarnation: u64,
}

impl<W: Handlers> Unsent<W> {
    fn sent(mut self) {
        self.sender = None;
    }
}

impl<W: Handlers> Drop for Unsent<W> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.delayed_send_dropped(self.incarnation);
        }
    }
}

impl Departs for Committed {
    fn depart(self: Box<Self>) {
        self.0.answer(());
    }
}

/// The task of an attachment. A panic in it is an exit signal to the incarnation for which it runs.
async fn attached<W: Handlers>(
    name: Arc<str>,
    work: impl Future<Output = ()> + Send + 'static,
    running: Running,
    worker: WeakHandle<W>,
) {
    let Err(words) = to_the_end(work).await else { return };
    let reason = ExitReason::Panic(format!("in task `{name}`: {words}").into());
    let now = if running.outlives() { worker.process() } else { Some(Arc::clone(running.process())) };
    let is_told = is_noted(&words);
    tell_noted();
    if let Some(process) = now {
        if is_told {
            worker.panic_told(process.incarnation());
        }
        process.exit(ExitSignal { from: ExitSource::Task(name), reason });
    }
}

/// The output of `future`, or why there is none; a panic of its destructor counts as one of it.
async fn outcome_of<F: Future>(future: F) -> Result<F::Output, ExitReason> {
    let mut future = Box::pin(future);
    let output = caught_async(future.as_mut()).await;
    let dropped = drop_caught(future);
    output.and_then(|output| dropped.map(|()| output)).map_err(ExitReason::Panic)
}

/// Drives `work` and drops it; a panic in either is the error.
async fn to_the_end(work: impl Future<Output = ()>) -> Result<(), PanicMessage> {
    let mut work = Box::pin(work);
    let done = caught_async(work.as_mut()).await;
    done.and(drop_caught(work))
}
