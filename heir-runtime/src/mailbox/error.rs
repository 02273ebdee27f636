//! What a sender is told when its message is not sent, or gets no reply.

use std::fmt;
use std::time::Duration;

use crate::mailbox::refusal::Refusal;
use crate::process::exit::ExitReason;
use crate::process::status::{Status, Stopped};
use crate::util::sync::Lock;

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// The mailbox is full (only in the `try_` forms: the others wait).
    #[error("the mailbox is full")]
    Full,
    /// The worker has stopped for good.
    #[error("the worker has stopped: {0}")]
    Stopped(Stopped),
    /// The mailbox was full for this long.
    #[error("the mailbox was full for {0:?}")]
    TimedOut(Duration),
    /// The worker waits for itself, in a handler or hook of its own. Cast, or await the call in a
    /// task ([`Context::spawn`](crate::Context::spawn)), or [send](crate::Context::send) it.
    #[error("a worker that waits for itself in its own handler waits for ever")]
    ToItself,
    /// No incarnation serves, this is the status of the worker, and it refuses messages meanwhile
    /// ([`WhileDown::Fail`](crate::WhileDown::Fail)).
    #[error("nobody serves: {0}")]
    Down(Status),
    /// The mailbox was full, and no incarnation has served for this long
    /// ([`WhileDown::WaitFor`](crate::WhileDown::WaitFor)).
    #[error("the mailbox was full, and nobody served for {0:?}")]
    DownFor(Duration),
}

impl NotSent {
    /// The reason in a word, for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Stopped(_) => "stopped",
            Self::TimedOut(_) => "timed_out",
            Self::ToItself => "to_itself",
            Self::Down(_) => "down",
            Self::DownFor(_) => "down_for",
        }
    }
}

/// The arguments of a message that was not sent, to be taken back with
/// [`into_inner`](Self::into_inner).
///
/// It is `Sync` whatever the arguments are, so that an error that carries them can travel in a
/// `Box<dyn Error + Send + Sync>`.
///
/// ```
/// # use heir_runtime::prelude::*;
/// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
/// # #[handlers]
/// # impl Counter {
/// #     fn count(&mut self, key: String) -> u64 {
/// #         assert_ne!(key, "bug");
/// #         self.counts.add(key, 1)
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let mut tree = Supervisor::builder("app");
/// # let counter = tree.worker(Counter::spec());
/// # let tree = tree.start().await?;
/// tree.shutdown().await;
/// let error = counter.count("hits".into()).await.unwrap_err();
/// assert_eq!(error.into_args(), Some(("hits".into(),)));
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
pub struct Unsent<A>(Box<Lock<A>>);

impl<A> Unsent<A> {
    pub(crate) fn new(args: A) -> Self {
        Self(Box::new(Lock::new(args)))
    }

    /// The arguments.
    pub fn into_inner(self) -> A {
        self.0.into_inner()
    }
}

impl<A> fmt::Debug for Unsent<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unsent(..)")
    }
}

/// The outcome of a call: the handler's reply `R`, or why there is none. `A` is the tuple of its
/// arguments.
pub type CallResult<R, A = ()> = Result<R, CallError<A>>;

/// The outcome of a cast: it is queued, or `A`, the tuple of its arguments, comes back with the
/// reason.
pub type CastResult<A = ()> = Result<(), CastError<A>>;

/// Why a call has no reply. `A` is the tuple of its arguments.
///
/// ```
/// # use heir_runtime::prelude::*;
/// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
/// # #[handlers]
/// # impl Counter {
/// #     fn count(&mut self, key: String) -> u64 {
/// #         assert_ne!(key, "bug");
/// #         self.counts.add(key, 1)
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let mut tree = Supervisor::builder("app");
/// # let counter = tree.worker(Counter::spec());
/// # let tree = tree.start().await?;
/// match counter.count("bug".into()).await {
///     Ok(count) => println!("{count}"),
///     Err(CallError::Died { reason, .. }) => println!("{reason}, and nothing has changed"),
///     Err(CallError::NotSent { args, .. }) => drop(args.into_inner()), // to be sent again
///     Err(error) if error.was_enqueued() => println!("{error}: it may have been served"),
///     Err(error) => println!("{error}"),
/// }
/// # tree.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CallError<A = ()> {
    /// The worker died while it served this call. Its recorded and `rollback` tables are as they
    /// were before the call.
    #[error("incarnation {incarnation} of the worker died while it served this call: {reason}")]
    #[non_exhaustive]
    Died {
        /// The number of the incarnation.
        incarnation: u64,
        /// Why it died.
        reason: ExitReason,
    },
    /// The call was queued, and the worker stopped for good before it was served.
    #[error("the worker stopped before it served this call: {0}")]
    Stopped(Stopped),
    /// The worker that serves this call does not yield to the runtime. The call may still be
    /// finished, and its effects kept; there will be no reply.
    #[error(
        "incarnation {incarnation} of the worker does not yield to the runtime: the call may still be finished, and its effects kept"
    )]
    #[non_exhaustive]
    Unresponsive {
        /// The number of the incarnation.
        incarnation: u64,
    },
    /// The worker served this call, and the store failed when it kept its changes (only with
    /// `survives = process`). All of them are there when the worker serves again, or none.
    #[error("the store failed when it kept what this call has changed: all of it is there, or nothing")]
    Unknown,
    /// The worker served this call, and nobody replied: all clones of its [`Reply`](crate::Reply) are
    /// dropped, or a handler written by hand kept none.
    #[error("the worker served this call, and nobody replied")]
    Unanswered,
    /// The call was queued, and there was no reply in this time. It may still be served.
    #[error("the call was queued, but not answered within {0:?}")]
    TimedOut(Duration),
    /// The call was queued, and no incarnation has served for this long, all in all, while the call
    /// waited ([`WhileDown::WaitFor`](crate::WhileDown::WaitFor)). The call stays in the queue: the
    /// next incarnation may still serve it, and nobody will hear its reply.
    #[error("the call was queued, but nobody served for {0:?}")]
    DownFor(Duration),
    /// The call was not queued: it has had no effect, and its arguments come back.
    #[error("the call was not sent: {why}")]
    #[non_exhaustive]
    NotSent {
        /// The arguments.
        args: Unsent<A>,
        /// Why it was not sent.
        why: NotSent,
    },
}

impl<A> CallError<A> {
    pub(crate) fn not_sent(args: A, why: NotSent) -> Self {
        Self::NotSent { args: Unsent::new(args), why }
    }

    pub(crate) fn refused(why: Refusal) -> Self {
        match why {
            Refusal::Died { incarnation, reason } => Self::Died { incarnation, reason },
            Refusal::Stopped(why) => Self::Stopped(why),
            Refusal::Unresponsive { incarnation } => Self::Unresponsive { incarnation },
            Refusal::Unknown => Self::Unknown,
        }
    }

    /// Whether the call had been queued: if not, it has had no effect.
    pub fn was_enqueued(&self) -> bool {
        !matches!(self, Self::NotSent { .. })
    }

    /// The arguments, if the call was not sent.
    pub fn into_args(self) -> Option<A> {
        match self {
            Self::NotSent { args, .. } => Some(args.into_inner()),
            Self::Died { .. }
            | Self::Stopped(_)
            | Self::Unresponsive { .. }
            | Self::Unknown
            | Self::Unanswered
            | Self::TimedOut(_)
            | Self::DownFor(_) => None,
        }
    }
}

/// Why a cast was not accepted. `A` is the tuple of its arguments.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CastError<A = ()> {
    /// The message was not queued: its arguments come back.
    #[error("the message was not sent: {why}")]
    #[non_exhaustive]
    NotSent {
        /// The arguments.
        args: Unsent<A>,
        /// Why it was not sent.
        why: NotSent,
    },
}

impl<A> CastError<A> {
    pub(crate) fn not_sent(args: A, why: NotSent) -> Self {
        Self::NotSent { args: Unsent::new(args), why }
    }

    /// The arguments, if the message was not sent.
    pub fn into_args(self) -> Option<A> {
        match self {
            Self::NotSent { args, .. } => Some(args.into_inner()),
        }
    }
}

/// Why not all casts of a batch were accepted. `A` is the tuple of the arguments of one cast.
#[non_exhaustive]
pub struct CastAllError<A = ()> {
    /// How many casts are queued: the first ones.
    pub sent: usize,
    /// The arguments of the casts that are not queued, in their order.
    pub unsent: Unsent<Vec<A>>,
    /// Why the first of these was not queued.
    pub why: NotSent,
}

impl<A> CastAllError<A> {
    /// The arguments of the casts that are not queued, in their order.
    pub fn into_args(self) -> Vec<A> {
        self.unsent.into_inner()
    }
}

impl<A> std::error::Error for CastAllError<A> {}

impl<A> fmt::Display for CastAllError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsent = self.unsent.0.lock().len();
        write!(f, "{unsent} of {} casts were not sent: {}", self.sent + unsent, self.why)
    }
}

/// Why a message was not sent, or got no reply: what [`CallError`] and [`CastError`] have in common,
/// without the arguments.
///
/// `?` turns both into it, whatever their arguments are, so a function can call several workers:
///
/// ```
/// use heir_runtime::MessageError;
/// use heir_runtime::prelude::*;
///
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     fn add(&mut self, n: u64) -> u64 {
///         self.count += n;
///         self.count
///     }
///
///     #[cast]
///     fn rename(&mut self, _name: String) {}
/// }
///
/// async fn use_both(counter: &CounterHandle) -> Result<u64, MessageError> {
///     counter.rename("visits".into()).await?; // a `CastError<(String,)>`
///     Ok(counter.add(1).await?) // a `CallError<(u64,)>`
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut tree = Supervisor::builder("app");
/// let counter = tree.worker(Counter::spec());
/// let tree = tree.start().await?;
/// assert_eq!(use_both(&counter).await?, 1);
/// tree.shutdown().await;
/// assert!(!use_both(&counter).await.unwrap_err().was_enqueued());
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// [`CallError::Died`].
    #[error("incarnation {incarnation} of the worker died while it served this call: {reason}")]
    #[non_exhaustive]
    Died {
        /// The number of the incarnation.
        incarnation: u64,
        /// Why it died.
        reason: ExitReason,
    },
    /// [`CallError::Stopped`].
    #[error("the worker stopped before it served this call: {0}")]
    Stopped(Stopped),
    /// [`CallError::Unresponsive`].
    #[error(
        "incarnation {incarnation} of the worker does not yield to the runtime: the call may still be finished, and its effects kept"
    )]
    #[non_exhaustive]
    Unresponsive {
        /// The number of the incarnation.
        incarnation: u64,
    },
    /// [`CallError::Unknown`].
    #[error("the store failed when it kept what this call has changed: all of it is there, or nothing")]
    Unknown,
    /// [`CallError::Unanswered`].
    #[error("the worker served this call, and nobody replied")]
    Unanswered,
    /// [`CallError::TimedOut`].
    #[error("the call was queued, but not answered within {0:?}")]
    TimedOut(Duration),
    /// [`CallError::DownFor`].
    #[error("the call was queued, but nobody served for {0:?}")]
    DownFor(Duration),
    /// [`CallError::NotSent`], [`CastError::NotSent`]: the arguments are dropped.
    #[error("the message was not sent: {0}")]
    NotSent(NotSent),
}

impl MessageError {
    /// Whether the message had been queued: if not, it has had no effect.
    pub fn was_enqueued(&self) -> bool {
        !matches!(self, Self::NotSent(_))
    }
}

impl<A> From<CallError<A>> for MessageError {
    fn from(error: CallError<A>) -> Self {
        match error {
            CallError::Died { incarnation, reason } => Self::Died { incarnation, reason },
            CallError::Stopped(why) => Self::Stopped(why),
            CallError::Unresponsive { incarnation } => Self::Unresponsive { incarnation },
            CallError::Unknown => Self::Unknown,
            CallError::Unanswered => Self::Unanswered,
            CallError::TimedOut(limit) => Self::TimedOut(limit),
            CallError::DownFor(limit) => Self::DownFor(limit),
            CallError::NotSent { why, .. } => Self::NotSent(why),
        }
    }
}

impl<A> From<CastError<A>> for MessageError {
    fn from(error: CastError<A>) -> Self {
        match error {
            CastError::NotSent { why, .. } => Self::NotSent(why),
        }
    }
}

impl<A> From<CastAllError<A>> for MessageError {
    fn from(error: CastAllError<A>) -> Self {
        Self::NotSent(error.why)
    }
}

/// Without arguments: the answer that a handler gets, and may get again.
impl Clone for CallError {
    fn clone(&self) -> Self {
        match self {
            Self::Died { incarnation, reason } => {
                Self::Died { incarnation: *incarnation, reason: reason.clone() }
            }
            Self::Stopped(why) => Self::Stopped(why.clone()),
            Self::Unresponsive { incarnation } => Self::Unresponsive { incarnation: *incarnation },
            Self::Unknown => Self::Unknown,
            Self::Unanswered => Self::Unanswered,
            Self::TimedOut(limit) => Self::TimedOut(*limit),
            Self::DownFor(limit) => Self::DownFor(*limit),
            Self::NotSent { why, .. } => Self::NotSent { args: Unsent::new(()), why: why.clone() },
        }
    }
}

// By hand: a derive would ask for arguments that are `Debug`.
impl<A> fmt::Debug for CallError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallError({self})")
    }
}

impl<A> fmt::Debug for CastError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CastError({self})")
    }
}

impl<A> fmt::Debug for CastAllError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CastAllError({self})")
    }
}
