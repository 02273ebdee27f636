//! The living incarnation: it owns its tables, serves messages, and gives the tables back when it
//! ends.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::Duration;

use crate::estate::{Lease, Seat, TransferInfo};
#[cfg(feature = "testing")]
use crate::incarnation::doom::doomed;
use crate::incarnation::unfinished::unfinished;
use crate::incarnation::watched;
use crate::mailbox::Message as _;
use crate::mailbox::Refusal;
use crate::mailbox::messages_may_be_watched;
use crate::process::Process;
use crate::process::Signal;
use crate::process::exit::ExitReason;
use crate::table::Commit;
use crate::tree::events::EventKind;
use crate::tree::panics::panicked_in;
use crate::util::caught::{CatchDrop, PanicMessage, caught, caught_async, drop_caught};
use crate::util::ours::{are_noted, is_noted, name_noted, tell_noted};
use crate::util::race::finished_in;
use crate::util::span::{Inside, Span, spans_may_be_wanted};
use crate::util::stop::StopSignal;
use crate::worker::Context;
use crate::worker::Handlers;
use crate::worker::handle::WeakHandle;
use crate::worker::outbox::Outbox;
use crate::worker::shared::Shared;

/// The reason of an incarnation through which a panic unwinds. The supervisor, which catches the
/// panic, has its message.
const UNCAUGHT: &str = "outside of a future";

/// Stands for the name of a handler, if the code of a worker that is written by hand panics over it.
const UNNAMED: &str = "a handler without a name";

const BODY: &str = "a life has its body until it is dropped";

/// An incarnation that owns its tables.
///
/// Whatever ends it, the tables leave through [`leave`](Self::leave), which only moves. They go
/// home to the estate, together with everything that the manager is to undo and drop. The message
/// in progress goes first in the mailbox to be served again, or its caller is told.
pub(crate) struct Life<W: Handlers> {
    pub(super) shared: Arc<Shared<W>>,
    // `None` only once it has left.
    body: Option<Body<W>>,
    /// The message in progress, with its reply channel.
    pub(super) message: Option<W::Message>,
    pub(super) cx: Context<W>,
    /// Whether a failure speaks against the tables: until the incarnation has shown that it can live
    /// with them. Its start hooks show that; if a message is to be served again, serving it does.
    pub(super) suspicious: bool,
}

/// The next thing that an incarnation does.
pub(crate) enum Next {
    /// Stop, because the supervisor asks for it.
    Stop,
    /// Serve this signal. In a box, because the task of the incarnation has room for it all the
    /// time.
    Signal(Box<Signal>),
    /// Serve the message in progress.
    Message,
    /// Finish the messages whose changes are durable now.
    #[cfg(feature = "store")]
    Durable,
}

/// The worker, and its seat: the right, and the obligation, to give the tables back.
struct Body<W: Handlers> {
    worker: W,
    seat: Seat<W::Tables>,
}

impl<W: Handlers> Life<W> {
    /// Makes the worker from its tables and a new rest.
    ///
    /// After an error the tables are back in the estate.
    pub(crate) fn begin(
        shared: Arc<Shared<W>>,
        process: Arc<Process>,
        lease: Lease<W::Tables>,
        args: CatchDrop<W::Args>,
    ) -> Result<Self, ExitReason> {
        // The rest is made before the tables are touched: it is made by a user's code, which may
        // panic.
        let assemble = match caught(|| W::incarnate(args.into_inner())) {
            Ok(assemble) => assemble,
            Err(message) => {
                if is_noted(&message) {
                    shared.panic_told(process.incarnation());
                }
                tell_noted();
                let reason = ExitReason::Panic(message);
                lease.end(reason.clone());
                return Err(reason);
            }
        };
        let (tables, seat) = lease.part();
        shared.mailbox.serve_here();
        let handle = WeakHandle::new(Arc::<Shared<W>>::downgrade(&shared));
        let cx = Context::new(process, handle, shared.readers());
        let worker = caught(|| assemble(tables)).map_err(|message| {
            shared.tables_lost(Arc::clone(&message));
            ExitReason::Panic(message)
        })?;
        let body = Body { worker, seat };
        Ok(Self { shared, body: Some(body), message: None, cx, suspicious: true })
    }

    /// Runs the hooks of a start: `#[on(transfer)]` and `#[on(start)]`, in one transaction.
    pub(crate) async fn start(&mut self, info: &TransferInfo) -> Result<(), ExitReason> {
        let span = self.watch("#[on(start)]");
        let body = self.body.as_mut().expect(BODY);
        body.begin_transaction(&mut self.cx)?;
        let mut hook = "#[on(transfer)]";
        let ran = {
            let mut hooks = pin!(Some(async {
                body.worker.on_transfer(info, &mut self.cx).await?;
                hook = "#[on(start)]";
                body.worker.on_start(&mut self.cx).await
            }));
            let mut inside = Inside { work: hooks.as_mut(), span: span.as_deref() };
            let running = caught_async(inside.work.as_mut().as_pin_mut().expect("they run once"));
            Span::around(span.as_deref(), running).await
        };
        ran.map_err(|message| panicked_in(hook, message))?.map_err(ExitReason::returned)?;
        self.cx.process.checkpoint().await;
        self.commit_and_follow()?;
        self.is_served();
        if !self.shared.mailbox.has_message_again() {
            self.cleared();
        }
        Ok(())
    }

    /// Polls for the next thing to do: a stop comes before a signal, a signal before a tick of the
    /// worker's clock, and a tick before a message.
    pub(crate) fn poll_next(&mut self, stop: &mut StopSignal, cx: &mut task::Context<'_>) -> Poll<Next> {
        if Pin::new(stop).poll(cx).is_ready() {
            return Poll::Ready(Next::Stop);
        }
        let process = &self.cx.process;
        if process.is_told()
            && let Some(signal) = ready!(process.poll_signal())
        {
            return Poll::Ready(Next::Signal(Box::new(signal)));
        }
        #[cfg(feature = "store")]
        if W::IS_STORED
            && let Some(next) = self.poll_the_store(cx)
        {
            return next;
        }
        if self.shared.clock.is_some() && self.takes_a_tick(cx) {
            return Poll::Ready(Next::Message);
        }
        let process = &self.cx.process;
        let Poll::Ready(message) = self.shared.mailbox.poll_next(process.incarnation(), cx) else {
            process.listen(cx);
            if let Some(clock) = &self.shared.clock {
                clock.wait(&self.shared.mailbox, cx);
            }
            self.sweep(cx);
            return Poll::Pending;
        };
        self.message = Some(message);
        Poll::Ready(Next::Message)
    }

    /// Whether a tick of the worker's clock is the message in progress now: one was due, and it was
    /// its turn.
    #[cold]
    fn takes_a_tick(&mut self, cx: &mut task::Context<'_>) -> bool {
        let Some(clock) = &self.shared.clock else { return false };
        match clock.poll_tick(&self.shared.mailbox, self.cx.incarnation(), cx) {
            Poll::Ready((tick, ticks)) => {
                if ticks > 0 {
                    let handler = caught(|| tick.name()).unwrap_or(UNNAMED);
                    self.shared.emit(EventKind::TicksSkipped { handler, ticks });
                }
                self.message = Some(tick);
                true
            }
            Poll::Pending => false,
        }
    }

    /// Drops what commits have replaced that a journal has shown meanwhile.
    pub(super) fn sweep(&mut self, cx: &task::Context<'_>) {
        if self.cx.readers.poll_replaced(cx) {
            let worker = &mut self.body.as_mut().expect(BODY).worker;
            // Nothing is written at this boundary. If it fails, the commit of the next message does, too.
            let _ = caught(|| worker.commit(Commit::of(&self.cx.readers)));
        }
    }

    /// Serves the message in progress: all of its writes to the recorded tables stay, or none.
    pub(crate) async fn serve(&mut self) -> Result<(), ExitReason> {
        let message = self.message.as_mut().expect("a message is in progress");
        let body = self.body.as_mut().expect(BODY);
        body.begin_transaction(&mut self.cx)?;
        match self.shared.settings.handler_timeout {
            #[cfg(feature = "testing")]
            bound if let Some(plan) = self.shared.deaths.get() => {
                let name = caught(|| message.name()).map_err(ExitReason::Panic)?;
                let process = Arc::clone(&self.cx.process);
                let span = watched::begin_message(&self.shared, &mut self.cx, name);
                let handled = doomed(plan, process, body.worker.handle(message, &mut self.cx));
                in_time(bound, name, span, pin!(Some(handled))).await?;
            }
            // No frame more than needed: a panic unwinds each.
            None if !messages_may_be_watched() => {
                let handled = caught_async(pin!(body.worker.handle(message, &mut self.cx))).await;
                handled.map_err(ExitReason::Panic)?;
            }
            bound => {
                let name = caught(|| message.name()).map_err(ExitReason::Panic)?;
                let span = watched::begin_message(&self.shared, &mut self.cx, name);
                in_time(bound, name, span, pin!(Some(body.worker.handle(message, &mut self.cx)))).await?;
            }
        }
        self.cx.process.checkpoint().await;
        let committed = body.commit(&mut self.cx)?;
        #[cfg(feature = "store")]
        if W::IS_STORED && self.waits_for_the_store() {
            return self.hold_back(committed);
        }
        // The message has committed, so what it has sent leaves, and then its reply. From here on a
        // panic ends the incarnation, but undoes nothing.
        let is_more = !self.cx.outbox.is_empty();
        if is_more {
            self.cx.outbox.depart();
        }
        let mut served = self.message.take();
        let open = || {
            if let Some(message) = &mut served {
                message.gate().open();
            }
            drop(served.take());
        };
        let opened = if is_more { open_in_span(&self.cx.outbox, open) } else { caught(open) };
        if let Err(message) = opened {
            // One by one: two destructors that panic at once end the process.
            let _ = (drop_caught(served), drop_caught(committed), self.cx.outbox.finish());
            return Err(ExitReason::Panic(message));
        }
        let dropped = drop_caught(committed);
        let followed = if is_more { self.follow(dropped) } else { dropped };
        followed.map_err(ExitReason::Panic)?;
        if self.suspicious {
            self.cleared();
        }
        Ok(())
    }

    /// Does what follows a message that has been answered; `before` says whether something has
    /// panicked since its commit.
    #[cold]
    fn follow(&mut self, before: Result<(), PanicMessage>) -> Result<(), PanicMessage> {
        // What follows is not the message any more, whose reply may come later; and its span, which is
        // its caller's, is not to last until the next message.
        self.shared.mailbox.answered();
        let followed = before.and(self.cx.outbox.finish());
        if followed.is_ok() {
            self.is_served();
        }
        followed
    }

    /// Serves a signal, as a transaction of its own.
    pub(crate) async fn on_signal(&mut self, signal: Signal) -> Result<(), ExitReason> {
        self.shared.mailbox.served();
        // A death over a signal does not speak against the tables.
        let suspicious = std::mem::take(&mut self.suspicious);
        let span = self.watch(signal.hook());
        let body = self.body.as_mut().expect(BODY);
        body.begin_transaction(&mut self.cx)?;
        let hook = async {
            match &signal {
                Signal::Exit(signal) => body.worker.on_exit(signal, &mut self.cx).await,
                Signal::Down(down) => body.worker.on_down(down, &mut self.cx).await,
            }
        };
        in_time(self.shared.settings.handler_timeout, signal.hook(), span, pin!(Some(hook)))
            .await?
            .map_err(ExitReason::returned)?;
        self.cx.process.checkpoint().await;
        self.commit_and_follow()?;
        self.suspicious = suspicious;
        self.is_served();
        // As receiving a message does, so that a flood of signals keeps no other task waiting.
        tokio::task::consume_budget().await;
        Ok(())
    }

    /// Runs the stop hook, and ends the incarnation.
    pub(crate) async fn stop(mut self, reason: ExitReason) -> ExitReason {
        let stopped = self.run_stop_hook(&reason).await;
        #[cfg(feature = "store")]
        let stopped = match stopped {
            Ok(()) if W::IS_STORED => self.until_durable().await,
            stopped => stopped,
        };
        self.end(stopped.err().unwrap_or(reason))
    }

    async fn run_stop_hook(&mut self, reason: &ExitReason) -> Result<(), ExitReason> {
        self.shared.mailbox.served();
        let span = self.watch("#[on(stop)]");
        let body = self.body.as_mut().expect(BODY);
        body.begin_transaction(&mut self.cx)?;
        // In an async block, so that a hook that is no `async fn` is called caught, too.
        let hook = async { body.worker.on_stop(reason, &mut self.cx).await };
        in_time(self.shared.settings.handler_timeout, "#[on(stop)]", span, pin!(Some(hook))).await?;
        self.cx.process.checkpoint().await;
        self.commit_and_follow()?;
        self.is_served();
        Ok(())
    }

    /// Takes the reason for which the last message or hook has asked to end.
    pub(crate) fn asked_to_end(&mut self) -> Option<ExitReason> {
        self.cx.asked_to_end()
    }

    /// Ends the incarnation: its tables go home, and the caller of the message in progress is told.
    pub(crate) fn end(mut self, reason: ExitReason) -> ExitReason {
        self.leave(Some(reason.clone()));
        reason
    }

    /// Commits a transaction that has no reply: what it has sent leaves, and what follows the commit
    /// runs. A panic in that ends the incarnation, but undoes nothing.
    fn commit_and_follow(&mut self) -> Result<(), ExitReason> {
        let saved = self.body.as_mut().expect(BODY).commit(&mut self.cx)?;
        #[cfg(feature = "store")]
        if W::IS_STORED && self.waits_for_the_store() {
            return self.hold_back(saved);
        }
        self.cx.outbox.depart();
        drop_caught(saved).and(self.cx.outbox.finish()).map_err(ExitReason::Panic)
    }

    /// A hook is about to be served: returns its span, if anybody watches.
    fn watch(&mut self, hook: &'static str) -> Option<Arc<Span>> {
        if spans_may_be_wanted() { watched::begin_hook(&self.shared, &mut self.cx, hook) } else { None }
    }

    /// What was served has committed.
    #[inline]
    pub(super) fn is_served(&mut self) {
        if let Some(watched) = self.cx.outbox.take_watched() {
            watched.is_served(W::NAME, &self.cx.readers);
        }
    }

    /// The incarnation has shown that it can live with its tables.
    pub(super) fn cleared(&mut self) {
        self.suspicious = false;
        self.shared.tables_cleared();
    }
}

impl<W: Handlers> Body<W> {
    /// Begins a transaction: until the commit, the death of the incarnation undoes its writes.
    fn begin_transaction(&mut self, cx: &mut Context<W>) -> Result<(), ExitReason> {
        self.seat.set_in_message(true);
        cx.has_committed = false;
        cx.saved = Some(caught(|| self.worker.save()).map_err(ExitReason::Panic)?);
        Ok(())
    }

    /// Commits the transaction: its writes stay. Returns the saved tables, for the caller to drop.
    fn commit(&mut self, cx: &mut Context<W>) -> Result<Option<W::Saved>, ExitReason> {
        caught(|| self.worker.commit(Commit::of(&cx.readers))).map_err(ExitReason::Panic)?;
        self.seat.set_in_message(false);
        Ok(cx.saved.take())
    }
}

impl<W: Handlers> Life<W> {
    /// Gives the tables back to the estate. Without an `own` reason, the task was aborted, or the
    /// runtime has been shut down.
    fn leave(&mut self, own: Option<ExitReason>) {
        let Some(Body { worker, seat }) = self.body.take() else { return };
        let watched = self.cx.outbox.take_watched();
        let _in_the_span = watched.as_ref().and_then(|watched| watched.span.as_deref()).map(Span::enter);
        // A panic unwinds through here, of a `handle` that is no `async fn`: it is not caught.
        let unwinds = own.is_none() && std::thread::panicking() && !self.cx.process.is_aborted();
        let own = own.or_else(|| unwinds.then(|| ExitReason::Panic(Arc::from(UNCAUGHT))));
        if are_noted() {
            match &own {
                Some(ExitReason::Panic(words)) => {
                    self.tell_panic((!unwinds).then_some(words), seat.incarnation());
                }
                // What is dropped with the task may have panicked.
                None => self.tell_panic(None, seat.incarnation()),
                Some(_) => {}
            }
        }
        // An end that came from outside does not speak against the tables.
        let failed = own.as_ref().is_some_and(ExitReason::is_failure);
        let reason = self.cx.process.ending(own);
        let in_message = seat.in_message();
        if !reason.is_normal() {
            self.shared.begins_handover(seat.incarnation());
        }
        match &watched {
            Some(watched) if in_message => watched.has_died(W::NAME, &reason),
            // It has committed, and what followed has panicked.
            Some(watched) => watched.is_served(W::NAME, &self.cx.readers),
            None => {}
        }
        if in_message && self.suspicious && failed {
            self.shared.tables_suspected();
        }
        let mut message = self.message.take();
        let mut died = Refusal::Died { incarnation: seat.incarnation(), reason: reason.clone() };
        let retry = in_message && !self.cx.has_committed;
        let retries = |message: &mut W::Message| retry && caught(|| message.gate().retry()) == Ok(true);
        if let Some(mut again) = message.take_if(retries) {
            let handler = caught(|| again.name()).unwrap_or(UNNAMED);
            let tries = caught(|| again.gate().tries()).unwrap_or(0);
            // Before the tables are home, so that the next incarnation finds it first. If the
            // mailbox is closed, it comes back.
            if let Err((refused, why)) = self.shared.mailbox.put_first(again, died.clone()) {
                (message, died) = (Some(refused), why);
            } else {
                self.shared.emit(EventKind::Redelivers { handler, tries });
            }
        }
        let caller = self.shared.mailbox.left();
        let tell = message.as_mut().and_then(|message| self.shared.mailbox.refuse(message, caller, died));
        let saved = self.cx.saved.take();
        let mut unsent = std::mem::take(&mut self.cx.outbox);
        unsent.give_permits_back();
        let sends = unsent.held();
        if sends > 0 {
            self.shared.emit(EventKind::SendsDropped { incarnation: seat.incarnation(), sends });
        }
        match caught(|| worker.dismantle()) {
            Ok((tables, rest)) => {
                let readers = self.cx.readers.clone();
                let unsettled = unfinished::<W, _>(in_message, readers, saved, rest, message, unsent);
                seat.give_back(tables, reason, unsettled);
            }
            Err(panicked) => {
                let _ = (drop_caught(saved), drop_caught(message), drop_caught(unsent));
                self.shared.tables_lost(panicked);
            }
        }
        // The caller is told when the tables are home. Telling may run a hook, which is a user's
        // code.
        if let Some(tell) = tell {
            let _ = caught(tell);
        }
    }
}

impl<W: Handlers> Life<W> {
    /// Tells the panic by which this incarnation ends, and those before it that nobody has told, before
    /// the tables go home: then it comes before what follows from it. Without `words` it is the newest.
    #[cold]
    fn tell_panic(&self, words: Option<&PanicMessage>, incarnation: u64) {
        let words = words.map(|words| &**words);
        if name_noted(words, None) {
            // A hook has named itself.
            let handler = self.message.as_ref().and_then(|message| caught(|| message.name()).ok());
            name_noted(words, handler);
            self.shared.panic_told(incarnation);
        }
        tell_noted();
    }
}

impl<W: Handlers> Drop for Life<W> {
    fn drop(&mut self) {
        self.leave(None);
    }
}

/// Opens the gate of a message in its span.
#[cold]
pub(super) fn open_in_span(outbox: &Outbox, open: impl FnOnce()) -> Result<(), PanicMessage> {
    let span = outbox.span();
    let _in_the_span = span.as_deref().map(Span::enter);
    caught(open)
}

/// Runs a handler or hook, caught, in its span, and within its time; when it is late, its future is
/// dropped.
#[expect(clippy::manual_async_fn, reason = "that has room for its arguments twice")]
fn in_time<F: Future>(
    bound: Option<Duration>,
    handler: &'static str,
    span: Option<Arc<Span>>,
    work: Pin<&mut Option<F>>,
) -> impl Future<Output = Result<F::Output, ExitReason>> {
    async move {
        let mut inside = Inside { work, span: span.as_deref() };
        let running = caught_async(inside.work.as_mut().as_pin_mut().expect("it runs once"));
        let running = Span::around(span.as_deref(), running);
        let panicked = |message| panicked_in(handler, message);
        let Some(bound) = bound else { return running.await.map_err(panicked) };
        if let Some(done) = finished_in(bound, running).await {
            return done.map_err(panicked);
        }
        // Its destructors are a user's code, and may panic.
        let _in_the_span = span.as_deref().map(Span::enter);
        caught(|| inside.work.set(None)).map_err(panicked)?;
        Err(ExitReason::TimedOut { handler, limit: bound })
    }
}
