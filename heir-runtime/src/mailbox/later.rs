//! Replies that come later than their message is served.
//!
//! ```text
//!           take_reply            send_now, or the commit of `send`
//!   Waits ──────────────▶ Open ─────────────────────────────────────▶ Told
//!     ▲                    │ │ all clones are dropped: Unanswered, or Died
//!     │  the message died  │ │ the message died:        Died
//!     └──────(retried)─────┘ └ the worker has stopped:  Stopped ─────▶ Told
//! ```

use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "store")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::mailbox::error::CallError;
use crate::mailbox::message::{Caller, Watched};
use crate::mailbox::refusal::{Heard, Refusal};
use crate::process::Process;
use crate::process::status::Stopped;
use crate::util::reply::ReplySender;
use crate::util::sync::Lock;

/// The reply to a call, to be sent when it is known: the last argument of a handler that returns
/// nothing. Meanwhile the worker serves other messages.
///
/// A clone replies to the same call, and the first reply is heard. [`send`](Self::send) replies
/// from a handler, [`send_now`](Self::send_now) from anywhere.
///
/// ```
/// use std::time::Duration;
///
/// use heir_runtime::prelude::*;
///
/// #[heir]
/// struct Names {
///     #[table]
///     known: Table<u64, String>,
/// }
///
/// #[handlers]
/// impl Names {
///     /// Ten slow look-ups run side by side.
///     fn name_of(&mut self, cx: &mut Context<Self>, id: u64, reply: Reply<String>) {
///         if let Some(name) = self.known.get(&id) {
///             return reply.send(cx, name);
///         }
///         cx.attach_future(look_up(id), move |names, name| async move { names.learnt(id, name, reply).await });
///     }
///
///     #[cast]
///     fn learnt(&mut self, cx: &mut Context<Self>, id: u64, name: String, reply: Reply<String>) {
///         self.known.insert(id, name.clone());
///         reply.send(cx, name); // once the row is there to stay
///     }
/// }
///
/// async fn look_up(id: u64) -> String {
///     tokio::time::sleep(Duration::from_millis(20)).await;
///     format!("user {id}")
/// }
///
/// #[supervisor]
/// struct App {
///     names: Names,
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let app = App::start().await?;
/// let names = &app.names;
/// let (first, second) = tokio::join!(names.name_of(1), names.name_of(2)); // 20 ms, not 40
/// assert_eq!((first?, second?), ("user 1".into(), "user 2".into()));
/// app.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
///
/// # What the caller is told
/// - The first reply; or else
/// - [`CallError::Died`]: the message that took the reply died. If it is
///   served again (`#[redeliver]`), it takes another one, and this one is for nobody any more. Also
///   if all clones are dropped when the incarnation that took the reply has ended.
/// - [`CallError::Unanswered`]: all clones are dropped before.
/// - [`CallError::Stopped`]: the worker has stopped for good, wherever
///   the reply was.
///
/// So a reply can lie in a table. In a recorded or `rollback` table it is there again if the message
/// that took it out dies, and the next incarnation can reply. An open reply holds no permit of the
/// mailbox; [`Supervisor::tree`](crate::Supervisor::tree) tells how many a worker has.
pub struct Reply<T>(Arc<OpenReply<T>>);

/// What the clones of one reply share.
pub(crate) struct OpenReply<T> {
    /// `None` once the caller has been told, or another reply is for it.
    waits: Lock<Option<Waits<T>>>,
    /// The incarnation that took it.
    taker: Arc<Process>,
    number: u64,
    replies: Arc<OpenReplies>,
    /// Whether it waits for no store, when it is sent with a commit.
    #[cfg(feature = "store")]
    is_early: AtomicBool,
}

/// A caller that waits for a reply.
struct Waits<T> {
    reply_to: ReplySender<Heard<T>>,
    /// Its call, if somebody watches it: so the span of the call lasts as long.
    watched: Option<Arc<dyn Caller>>,
}

impl<T> Waits<T> {
    /// Tells the caller that there will be no reply.
    fn refuse(self, why: Refusal) {
        let Self { reply_to, watched } = self;
        drop(Watched::refused(watched, &why));
        reply_to.answer(Err(Box::new(why)));
    }
}

/// The open replies of one worker.
#[derive(Default)]
pub(crate) struct OpenReplies(Lock<Open>);

#[derive(Default)]
struct Open {
    replies: BTreeMap<u64, Weak<dyn Stop>>,
    next: u64,
    /// Why no reply is open, if the worker has stopped for good, or its supervisor has given up on
    /// it.
    closed: Option<Stopped>,
}

/// An open reply of any type.
trait Stop: Send + Sync {
    /// Tells the caller that the worker has stopped for good.
    fn stop(&self, why: Stopped);
}

impl OpenReplies {
    /// How many replies are open.
    pub(crate) fn count(&self) -> usize {
        self.0.with(|open| open.replies.len())
    }

    /// The worker has stopped, for good or until the replies are [reopened](Self::reopen): tells all
    /// callers, and those of replies that open meanwhile.
    pub(crate) fn close(&self, why: &Stopped) {
        let open = self.0.with(|open| {
            open.closed = Some(why.clone());
            std::mem::take(&mut open.replies)
        });
        for reply in open.into_values().filter_map(|reply| reply.upgrade()) {
            reply.stop(why.clone());
        }
    }

    /// The worker is started again.
    pub(crate) fn reopen(&self) {
        self.0.with(|open| open.closed = None);
    }

    /// Forgets a reply that is not open any more.
    fn remove(&self, number: u64) {
        let removed = self.0.with(|open| open.replies.remove(&number));
        drop(removed);
    }
}

impl<T: Send + 'static> OpenReply<T> {
    /// The message that took it has committed: it is open from here on, unless the worker has
    /// stopped for good.
    pub(super) fn open(self: Arc<Self>) {
        let stop: Arc<dyn Stop> = Arc::<Self>::clone(&self);
        let stop = Arc::downgrade(&stop);
        let closed = self.replies.0.with(|open| {
            if open.closed.is_none() {
                open.replies.insert(self.number, stop);
            }
            open.closed.clone()
        });
        if let Some(why) = closed {
            self.stop(why);
        }
        // Who took the channel before that found nothing to remove.
        if self.waits.with(|waits| waits.is_none()) {
            self.replies.remove(self.number);
        }
    }
}

impl<T> OpenReply<T> {
    pub(super) fn new(
        reply_to: ReplySender<Heard<T>>,
        taker: Arc<Process>,
        replies: Arc<OpenReplies>,
        watched: Option<Arc<dyn Caller>>,
    ) -> Arc<Self> {
        let number = replies.0.with(|open| {
            open.next += 1;
            open.next
        });
        Arc::new(Self {
            waits: Lock::new(Some(Waits { reply_to, watched })),
            taker,
            number,
            replies,
            #[cfg(feature = "store")]
            is_early: AtomicBool::new(false),
        })
    }

    /// Takes the reply channel: this reply is for nobody any more.
    pub(super) fn take_back(&self) -> Option<ReplySender<Heard<T>>> {
        Some(self.take()?.reply_to)
    }

    fn take(&self) -> Option<Waits<T>> {
        let waits = self.waits.take()?;
        self.replies.remove(self.number);
        Some(waits)
    }
}

impl<T: Send + 'static> Stop for OpenReply<T> {
    fn stop(&self, why: Stopped) {
        if let Some(waits) = self.take() {
            waits.refuse(Refusal::Stopped(why));
        }
    }
}

impl<T> Drop for OpenReply<T> {
    fn drop(&mut self) {
        let Some(waits) = self.take() else { return };
        match self.taker.reason() {
            Some(reason) => {
                waits.refuse(Refusal::Died { incarnation: self.taker.incarnation(), reason });
            }
            None => drop(Watched::refused(waits.watched, &CallError::<()>::Unanswered)),
        }
    }
}

impl<T> Reply<T> {
    pub(super) fn new(open: Arc<OpenReply<T>>) -> Self {
        Self(open)
    }

    /// Replies at once, also from a task or a thread. If this is not the first reply, or nobody
    /// waits for it any more, the value comes back.
    ///
    /// In a handler, [`send`](Self::send) is the one to use: this one may tell what the death of the
    /// message then undoes.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Squares { #[table(keep)] asked: u64 }
    /// #[handlers]
    /// impl Squares {
    ///     /// Is computed in a thread of its own.
    ///     fn square(&mut self, n: u64, reply: Reply<u64>) {
    ///         self.asked += 1;
    ///         std::thread::spawn(move || {
    ///             if !reply.is_closed() {
    ///                 let _unheard = reply.send_now(n * n);
    ///             }
    ///         });
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let squares = tree.worker(Squares::spec());
    /// # let tree = tree.start().await?;
    /// assert_eq!(squares.square(7).await?, 49);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The value, if nobody will hear it.
    pub fn send_now(&self, value: T) -> Result<(), T> {
        let Some(reply_to) = self.0.take_back() else { return Err(value) };
        reply_to.try_answer(Ok(value)).or_else(|unheard| unheard.map_or(Ok(()), Err))
    }

    /// When it is sent with a commit, it waits for no store.
    #[cfg(feature = "store")]
    pub(crate) fn leaves_early(&self) {
        self.0.is_early.store(true, Ordering::Relaxed);
    }

    /// Whether it waits for no store.
    #[cfg(feature = "store")]
    pub(crate) fn is_early(&self) -> bool {
        self.0.is_early.load(Ordering::Relaxed)
    }

    /// Whether nobody waits for this reply any more: the caller has been told, or has gone, or the
    /// message is served again, and takes another.
    pub fn is_closed(&self) -> bool {
        !self.0.waits.with(|waits| waits.as_ref().is_some_and(|waits| waits.reply_to.is_awaited()))
    }
}

impl<T> Clone for Reply<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}
