//! The handle: the way to a worker that stays, whichever incarnation serves.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::estate::Estate;
use crate::exit::ExitReason;
use crate::mailbox::{Answer, Call, CallError, Cast, CastError, Message, NotSent, Place, Stopped, Unsent};
use crate::post::{Shared, Status};
use crate::process::{Down, ExitSignal, ExitSource, MonitorId, Process};
use crate::quarantine::Quarantined;
use crate::worker::Handlers;

/// The way to a worker that stays, whichever incarnation serves.
///
/// A worker's own handle (`CounterHandle`, generated) has a method for each of its messages, and derefs to this one.
/// Clones are cheap, and keep neither the worker nor its supervisor running.
pub struct Handle<W: Handlers> {
    post: Arc<dyn Shared<W>>,
    timeout: Option<Duration>,
}

impl<W: Handlers> Handle<W> {
    pub(crate) fn new(post: Arc<dyn Shared<W>>) -> Self {
        Self { post, timeout: None }
    }

    /// The name its supervisor knows the worker by.
    pub fn name(&self) -> &str {
        &self.post.name
    }

    /// A handle whose calls and casts wait no longer than this, for a place in the mailbox and the reply together.
    ///
    /// Without it they wait until the worker answers, dies while it serves them, or stops for good.
    pub fn timeout(&self, timeout: Duration) -> W::Handle {
        W::Handle::from(Self { post: Arc::clone(&self.post), timeout: Some(timeout) })
    }

    /// Sends a call and waits for its reply. The generated methods are made of this.
    ///
    /// Waits while the mailbox is full, and while the worker is between two incarnations. Cancel safe in this sense:
    /// dropped before the message is queued, it has no effect; dropped after, the message is served and its reply discarded.
    ///
    /// # Errors
    /// [`CallError`] tells what became of the call.
    pub async fn call<A, R>(
        &self,
        args: A,
        message: fn(Call<A, R>) -> W::Message,
    ) -> Result<R, CallError<A>> {
        let deadline = self.deadline();
        self.send_call(deadline, self.place(deadline).await, args, Call::new, message).await
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
        self.send_call(self.deadline(), self.post.mailbox.try_reserve(), args, Call::new, message).await
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
        let deadline = self.deadline();
        let call = |args| Call::again(args, redeliver);
        self.send_call(deadline, self.place(deadline).await, args, call, message).await
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
        let call = |args| Call::again(args, redeliver);
        self.send_call(self.deadline(), self.post.mailbox.try_reserve(), args, call, message).await
    }

    /// Sends a cast: returns when it is queued. It is served, unless the worker stops for good before: then it is dropped, and
    /// counted in [`EventKind::Retired`](crate::EventKind::Retired), for a cast has nobody to tell. Waits while the mailbox is full; cancel safe as [`call`](Self::call).
    ///
    /// # Errors
    /// [`CastError`] tells why it was not queued.
    pub async fn cast<A>(&self, args: A, message: fn(Cast<A>) -> W::Message) -> Result<(), CastError<A>> {
        send_cast(self.place(self.deadline()).await, args, Cast::new, message)
    }

    /// Sends a cast if the mailbox has a place for it.
    ///
    /// # Errors
    /// As [`cast`](Self::cast), and [`NotSent::Full`].
    pub fn try_cast<A>(&self, args: A, message: fn(Cast<A>) -> W::Message) -> Result<(), CastError<A>> {
        send_cast(self.post.mailbox.try_reserve(), args, Cast::new, message)
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
        send_cast(self.place(self.deadline()).await, args, |args| Cast::again(args, redeliver), message)
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
        send_cast(self.post.mailbox.try_reserve(), args, |args| Cast::again(args, redeliver), message)
    }

    /// The number of the newest incarnation that has owned the tables; 0 before the first.
    pub fn incarnation(&self) -> u64 {
        self.post.estate.info().incarnation
    }

    /// What the worker does at the moment.
    pub fn status(&self) -> Status {
        self.post.status()
    }

    /// How many messages wait in its mailbox.
    pub fn queued(&self) -> usize {
        self.post.mailbox.queued()
    }

    /// The estate of the worker's tables: who owns them, how the last owner ended, and, once the worker has stopped, the way
    /// to [claim](Estate::claim) them.
    pub fn estate(&self) -> Estate<W::Tables> {
        self.post.estate.clone()
    }

    /// Readers of the worker's recorded tables, as they are now. The generated methods named after the fields are made of this.
    pub fn readers(&self) -> W::Readers {
        self.post.readers()
    }

    /// How many times its tables have been parked, and not been taken out since.
    pub fn quarantined(&self) -> usize {
        self.post.quarantined()
    }

    /// Takes out the tables that have been parked, oldest first: see [`Spec::quarantine`](crate::Spec::quarantine).
    pub fn take_quarantined(&self) -> Vec<Quarantined<W::Tables>> {
        self.post.take_quarantined()
    }

    /// Kills the incarnation that lives, where it stands at its next await (`exit(Pid, kill)`), and returns its number. That
    /// cannot be trapped; whoever is linked to it gets the reason [`Killed`](ExitReason::Killed), which can. Its supervisor decides whether another one follows.
    ///
    /// An incarnation is killed once; `None` says that there is none to kill at the moment.
    pub fn kill(&self) -> Option<u64> {
        self.post.kill_worker()
    }

    /// Sends an exit signal to the incarnation that lives (`exit/2`), and returns its number; `None` says that there is none.
    ///
    /// One that [traps exits](crate::Handlers::TRAPS_EXITS) gets it as a message, whatever the reason, and decides itself. Any other
    /// ends where it stands at its next await, its message undone; its caller, its supervisor and whoever is linked to it see
    /// `reason`. With [`Normal`](ExitReason::Normal) nothing happens to that one, as in OTP. To end one that traps exits:
    /// [`kill`](Self::kill).
    pub fn exit(&self, reason: ExitReason) -> Option<u64> {
        let process = self.post.process().filter(|process| process.reason().is_none())?;
        process.exit(ExitSignal { from: ExitSource::Handle, reason });
        Some(process.incarnation())
    }

    /// Monitors the incarnation that lives (`monitor/2`), from now on and from outside any worker: resolves when it has ended and
    /// its tables are home. If none lives, it resolves at once, with [`NoProc`](ExitReason::NoProc).
    ///
    /// Dropping the future ends the monitor.
    pub fn monitor(&self) -> impl Future<Output = Down> + Send + 'static + use<W> {
        let name = Arc::clone(&self.post.name);
        let witness = self.post.process().and_then(|process| process.witness());
        async move {
            match witness {
                Some(witness) => witness.await.ok(),
                None => None,
            }
            .unwrap_or_else(|| Down::no_proc(MonitorId::new(), &name))
        }
    }

    /// Kills the manager that lives, and says whether there was one. Its supervisor starts the next.
    pub fn kill_manager(&self) -> bool {
        self.post.kill_manager()
    }

    /// Stops worker and manager for good, in order, and waits until they have (`supervisor:terminate_child/2`). The tables
    /// stay in the [estate](Self::estate), free to be claimed.
    ///
    /// The message in progress is finished, within the worker's shutdown timeout; callers of queued ones are told.
    /// Dropping the future does not take the request back.
    pub async fn stop(&self) -> Stopped {
        self.post.request_termination();
        self.wait().await
    }

    /// Waits until the worker has stopped for good, and says why.
    pub async fn wait(&self) -> Stopped {
        self.post.until_stopped().await
    }

    /// Waits until an incarnation with at least this number serves, and returns its number.
    ///
    /// # Errors
    /// Why none will.
    pub async fn wait_serving(&self, at_least: u64) -> Result<u64, Stopped> {
        self.post.until_serving(at_least).await
    }

    /// A handle that does not count among those that keep the estate alive.
    pub fn downgrade(&self) -> WeakHandle<W> {
        WeakHandle::new(Arc::downgrade(&self.post))
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.post.name
    }

    /// The incarnation that lives, or was the last.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.post.process()
    }

    /// Waits for a place in the mailbox.
    async fn place(&self, deadline: Option<Instant>) -> Result<Place<'_, W::Message>, NotSent> {
        match within(deadline, self.post.mailbox.reserve()).await {
            Some(place) => place.map_err(NotSent::Stopped),
            None => Err(NotSent::TimedOut(self.bound())),
        }
    }

    async fn send_call<A, R>(
        &self,
        deadline: Option<Instant>,
        place: Result<Place<'_, W::Message>, NotSent>,
        args: A,
        call: impl FnOnce(A) -> (Call<A, R>, Answer<R>),
        message: fn(Call<A, R>) -> W::Message,
    ) -> Result<R, CallError<A>> {
        let place = match place {
            Ok(place) => place,
            Err(why) => return Err(CallError::NotSent { args: Unsent::new(args), why }),
        };
        let (call, answer) = call(args);
        place.send(message(call));
        match within(deadline, answer).await {
            Some(Ok(Ok(reply))) => Ok(reply),
            Some(Ok(Err(why))) => Err(CallError::refused(why)),
            Some(Err(_unanswered)) => Err(CallError::Unanswered),
            None => Err(CallError::TimedOut(self.bound())),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        // A timeout past the end of time is none.
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    fn bound(&self) -> Duration {
        self.timeout.unwrap_or(Duration::MAX)
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

/// `None` if the deadline came first.
async fn within<F: Future>(deadline: Option<Instant>, work: F) -> Option<F::Output> {
    match deadline {
        None => Some(work.await),
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
    }
}

impl<W: Handlers> Clone for Handle<W> {
    fn clone(&self) -> Self {
        Self { post: Arc::clone(&self.post), timeout: self.timeout }
    }
}

impl<W: Handlers> fmt::Debug for Handle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("name", &self.name())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// A handle that keeps nothing alive: neither the mailbox nor the tables.
pub struct WeakHandle<W: Handlers> {
    post: Weak<dyn Shared<W>>,
}

impl<W: Handlers> WeakHandle<W> {
    pub(crate) fn new(post: Weak<dyn Shared<W>>) -> Self {
        Self { post }
    }

    /// The incarnation that lives, or was the last.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.post.upgrade()?.process()
    }

    /// The worker's handle, while its supervisor or another handle keeps it.
    pub fn upgrade(&self) -> Option<W::Handle> {
        self.post.upgrade().map(|post| W::Handle::from(Handle::new(post)))
    }
}

impl<W: Handlers> Clone for WeakHandle<W> {
    fn clone(&self) -> Self {
        Self { post: Weak::clone(&self.post) }
    }
}

impl<W: Handlers> fmt::Debug for WeakHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakHandle").field("alive", &(self.post.strong_count() > 0)).finish()
    }
}
