//! The handle on a worker: it stays valid, whichever incarnation serves.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::estate::{Estate, Quarantined};
use crate::mailbox::{Caller, OpenReplies};
use crate::process::Down;
use crate::process::ExitSignal;
use crate::process::ExitSource;
use crate::process::MonitorId;
use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::process::status::{Status, Stopped};
use crate::table::Readers;
use crate::tree::events::EventKind;
use crate::tree::panics::Who;
use crate::tree::parent::ParentRequest;
use crate::tree::registry::Registry;
use crate::util::caught::guarded;
use crate::worker::Handlers;
use crate::worker::shared::{HandleTarget, WeakTarget};

/// Sends messages to a worker, watches it and controls it, whichever incarnation serves (a pid).
///
/// A worker's own handle (`CounterHandle`, generated) has a method for each of its messages, and
/// derefs to this one. Clones are cheap, and keep neither the worker nor its supervisor running.
/// They keep the mailbox and the [estate](Self::estate), and so the tables. Handles are equal if
/// they are on the same worker.
///
/// ```
/// use heir_runtime::{Supervisor, handlers, heir};
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
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut tree = Supervisor::builder("app");
/// let counter = tree.worker(Counter::spec());
/// let tree = tree.start().await?;
///
/// assert_eq!(counter.add(2).await?, 2);
/// assert_eq!(counter.kill(), Some(1)); // the incarnation dies, its tables and the handle stay
/// assert_eq!(counter.add(3).await?, 5);
/// assert_eq!(counter.incarnation(), 2);
/// tree.shutdown().await;
/// # Ok::<_, heir_runtime::BoxError>(())
/// # }).unwrap();
/// ```
pub struct Handle<W: Handlers> {
    pub(crate) shared: Arc<dyn HandleTarget<W>>,
    pub(crate) timeout: Option<Duration>,
}

impl<W: Handlers> Handle<W> {
    pub(crate) fn new(shared: Arc<dyn HandleTarget<W>>) -> Self {
        Self { shared, timeout: None }
    }

    /// The name by which its supervisor knows the worker.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// A handle whose calls and casts wait no longer than `timeout`, for a permit of the mailbox
    /// and the reply together.
    ///
    /// A call that is late fails with [`CallError::TimedOut`](crate::CallError::TimedOut): it may
    /// be served all the same. A message that is not queued in time fails with
    /// [`NotSent::TimedOut`](crate::NotSent::TimedOut). Without a timeout they wait until the
    /// worker answers, dies while it serves the message, or stops for good.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::prelude::*;
    /// # #[heir]
    /// # struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn count(&mut self) -> u64 { self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec()).with_timeout(Duration::from_millis(10));
    /// // Nobody starts the tree.
    /// assert!(matches!(counter.count().await, Err(CallError::TimedOut(_))));
    /// # });
    /// ```
    pub fn with_timeout(&self, timeout: Duration) -> W::Handle {
        W::Handle::from(Self { shared: Arc::clone(&self.shared), timeout: Some(timeout) })
    }

    /// The number of the newest incarnation that has owned the tables; 0 before the first.
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
    /// assert_eq!(counter.incarnation(), 1);
    /// counter.kill();
    /// counter.wait_serving(2).await?;
    /// assert_eq!(counter.incarnation(), 2);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn incarnation(&self) -> u64 {
        self.shared.estate.info().incarnation
    }

    /// Whether the worker serves at the moment, and what it does if not.
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
    /// assert_eq!(counter.status(), Status::Serving { incarnation: 1 });
    /// tree.shutdown().await;
    /// assert_eq!(counter.status(), Status::Stopped(Stopped::Shutdown));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn status(&self) -> Status {
        self.shared.lifecycle.status()
    }

    /// How many messages wait in its mailbox.
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
    /// counter.pause().await?;
    /// let waits = tokio::spawn({
    ///     let counter = counter.clone();
    ///     async move { counter.count("hits".into()).await.ok() }
    /// });
    /// # while counter.queued() == 0 {
    /// #     tokio::task::yield_now().await;
    /// # }
    /// assert_eq!(counter.queued(), 1);
    /// counter.resume();
    /// assert_eq!(waits.await?, Some(1));
    /// assert_eq!(counter.queued(), 0);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn queued(&self) -> usize {
        self.shared.mailbox.queued()
    }

    /// The estate of the worker's tables. It tells who owns them and how the last owner ended; once
    /// the worker has stopped, the tables can be [claimed](Estate::claim) from it.
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
    /// counter.count("hits".into()).await?;
    /// assert!(counter.estate().claim("main").is_err()); // the worker has them
    /// tree.shutdown().await;
    /// let tables = counter.estate().claim("main")?;
    /// assert_eq!(tables.counts.get("hits"), Some(1));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn estate(&self) -> Estate<W::Tables> {
        self.shared.estate.clone()
    }

    /// Readers of the worker's recorded tables, as they are now. The generated methods named after
    /// the fields call this.
    pub fn readers(&self) -> Readers {
        self.shared.readers()
    }

    /// How many bundles of quarantined tables are parked on this handle, and have not been taken
    /// out.
    pub fn quarantined(&self) -> usize {
        self.shared.quarantined()
    }

    /// Takes out the parked tables, oldest first: see
    /// [`Spec::quarantine`](crate::Spec::quarantine).
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::{Exit, Verdict};
    ///
    /// #[heir(quarantine = fresh)]
    /// struct Counter {
    ///     #[table(keep)]
    ///     count: i64,
    /// }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn add(&mut self, n: i64) -> i64 {
    ///         self.count += n;
    ///         assert!(self.count >= 0, "below zero");
    ///         self.count
    ///     }
    ///
    ///     #[on(verify)]
    ///     fn check(tables: &mut CounterTables, _exit: &Exit) -> Verdict {
    ///         if tables.count < 0 { Verdict::quarantine("below zero") } else { Verdict::Accept }
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// assert!(counter.add(-1).await.is_err());
    /// assert_eq!(counter.add(1).await?, 1); // with new tables
    /// assert_eq!(counter.quarantined(), 1);
    /// let parked = counter.take_quarantined();
    /// assert_eq!((parked[0].tables.count, &*parked[0].reason), (-1, "below zero"));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn take_quarantined(&self) -> Vec<Quarantined<W::Tables>> {
        self.shared.take_quarantined()
    }

    /// Aborts the living incarnation at its next await, and returns its number (`exit(Pid, kill)`).
    ///
    /// No incarnation can trap that. Those that are linked to it get an exit signal with the reason
    /// [`Killed`](ExitReason::Killed), which they can trap. The supervisor decides whether another
    /// incarnation follows. An incarnation is killed once; `None` says that none lives.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// counter.add(2).await?;
    /// assert_eq!(counter.kill(), Some(1));
    /// assert_eq!(counter.kill(), None);
    /// assert_eq!(counter.add(3).await?, 5); // the second incarnation, with the tables of the first
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn kill(&self) -> Option<u64> {
        self.shared.kill_worker()
    }

    /// Sends an exit signal to the living incarnation, and returns its number (`exit/2`); `None`
    /// says that none lives.
    ///
    /// An incarnation that [traps exits](crate::by_hand::Handlers::TRAPS_EXITS) gets the signal as a
    /// message, whatever the reason, and decides itself. Any other incarnation ends at its next
    /// await, its message undone; its caller, its supervisor and the incarnations linked to it see
    /// `reason`. Only [`Normal`](ExitReason::Normal) does nothing to it, as in OTP.
    /// [`kill`](Self::kill) ends an incarnation that traps exits, too.
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
    /// let down = counter.monitor();
    /// assert_eq!(counter.exit(ExitReason::error("no longer needed")), Some(1));
    /// assert_eq!(down.await.reason, ExitReason::error("no longer needed"));
    /// assert_eq!(counter.count("hits".into()).await?, 1); // the next incarnation
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn exit(&self, reason: ExitReason) -> Option<u64> {
        let process = self.shared.process().filter(|process| process.reason().is_none())?;
        process.exit(ExitSignal { from: ExitSource::Handle, reason });
        Some(process.incarnation())
    }

    /// Waits until the incarnation that lives now has ended and its tables are home in the estate
    /// (`monitor/2`, from outside any worker). If none lives, it resolves at once, with the reason
    /// [`NoProc`](ExitReason::NoProc).
    ///
    /// The monitor begins with the call, not with the first poll. Dropping the future ends it.
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
    /// let down = counter.monitor();
    /// assert!(counter.count("bug".into()).await.is_err());
    /// let down = down.await;
    /// assert_eq!(down.incarnation, Some(1));
    /// assert!(matches!(down.reason, ExitReason::Panic(_)));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn monitor(&self) -> impl Future<Output = Down> + Send + 'static + use<W> {
        let name = Arc::clone(&self.shared.name);
        let monitor_from_outside = self.shared.process().and_then(|process| process.monitor_from_outside());
        async move {
            match monitor_from_outside {
                // The incarnation that ends wakes it, in its own task.
                Some(monitor_from_outside) => guarded(pin!(monitor_from_outside.down())).await,
                None => None,
            }
            .unwrap_or_else(|| Down::no_proc(MonitorId::new(), &name))
        }
    }

    /// Kills the living manager, and says whether there was one. Its supervisor starts the next.
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
    /// counter.count("hits".into()).await?;
    /// counter.kill_manager(); // the worker serves on; the next manager is the heir of its tables
    /// assert_eq!(counter.count("hits".into()).await?, 2);
    /// assert_eq!(counter.incarnation(), 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn kill_manager(&self) -> bool {
        self.shared.kill_manager()
    }

    /// Restarts the worker between two messages, waits until the next incarnation serves, and
    /// returns its number.
    ///
    /// The incarnation finishes the message in progress and runs its stop hook, and the next one
    /// gets its tables. The restart counts neither in the supervisor's intensity nor against the
    /// tables, and the worker's siblings do not notice. A worker that waits out a back-off, or was
    /// terminated, is started at once. While the worker's supervisor is terminated, nobody starts
    /// it: the call waits until the supervisor is restarted or deleted. Dropping the future does
    /// not take the request back.
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
    /// counter.count("hits".into()).await?;
    /// assert_eq!(counter.restart().await?, 2);
    /// assert_eq!(counter.count("hits".into()).await?, 2);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Stopped`]: the worker has stopped for good, for this reason, before or meanwhile.
    pub async fn restart(&self) -> Result<u64, Stopped> {
        let next = self.shared.newest() + 1;
        self.shared.ask(ParentRequest::Restart);
        self.wait_serving(next).await
    }

    /// Pauses the worker until it is [resumed](Self::resume), and waits until the message in
    /// progress is done, however long that takes (`sys:suspend/1`).
    ///
    /// Messages that are sent meanwhile are queued. A worker that is started again stays paused.
    /// Killing, restarting, stopping, the hooks and the passing of the tables go on as ever. A
    /// worker can be paused before it is started. A handler that waits for its own worker to be
    /// paused waits for ever. Dropping the future does not take the request back.
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
    /// use std::time::Duration;
    ///
    /// counter.pause().await?;
    /// assert!(counter.is_paused());
    /// let soon = counter.with_timeout(Duration::from_millis(10));
    /// assert!(matches!(soon.count("hits".into()).await, Err(CallError::TimedOut(_)))); // and it waits
    /// counter.resume();
    /// assert_eq!(counter.count("hits".into()).await?, 2); // the first one was served, too
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Stopped`]: the worker has stopped for good, for this reason, before or meanwhile.
    pub async fn pause(&self) -> Result<(), Stopped> {
        self.shared.mailbox.pause().await
    }

    /// Has the worker serve messages again (`sys:resume/1`). Once is enough, however often it was
    /// paused.
    pub fn resume(&self) {
        self.shared.mailbox.resume();
    }

    /// Whether the worker is paused: it serves no further message until it is
    /// [resumed](Self::resume).
    pub fn is_paused(&self) -> bool {
        self.shared.mailbox.is_paused()
    }

    /// Stops the worker and its manager for good, waits until they have ended, and says why they
    /// have (`supervisor:terminate_child/2`). The tables stay in the [estate](Self::estate), free
    /// to be claimed.
    ///
    /// The message in progress is finished, within the worker's shutdown timeout; the callers of
    /// queued messages are told. While the worker's supervisor is terminated, nobody stops the
    /// worker: the call waits until the supervisor is restarted or deleted. Dropping the future
    /// does not take the request back. A worker that has stopped already says at once why.
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
    /// assert_eq!(counter.stop().await, Stopped::Shutdown);
    /// assert!(!counter.count("hits".into()).await.unwrap_err().was_enqueued());
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn stop(&self) -> Stopped {
        self.shared.request_stop();
        self.wait_stopped().await
    }

    /// Waits until the worker has stopped for good, and says why. A restart does not end the wait.
    ///
    /// Cancel safe.
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
    /// let stopped = tokio::spawn({
    ///     let counter = counter.clone();
    ///     async move { counter.wait_stopped().await }
    /// });
    /// counter.kill(); // is restarted: that does not end the wait
    /// tree.shutdown().await;
    /// assert_eq!(stopped.await?, Stopped::Shutdown);
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn wait_stopped(&self) -> Stopped {
        self.shared.lifecycle.until_stopped().await
    }

    /// Waits until an incarnation with at least this number serves, and returns its number.
    ///
    /// Cancel safe.
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
    /// let next = counter.incarnation() + 1;
    /// counter.kill();
    /// assert_eq!(counter.wait_serving(next).await?, 2);
    /// tree.shutdown().await;
    /// assert_eq!(counter.wait_serving(3).await, Err(Stopped::Shutdown));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Stopped`]: the worker has stopped for good, for this reason, before or meanwhile.
    pub async fn wait_serving(&self, at_least: u64) -> Result<u64, Stopped> {
        self.shared.lifecycle.until_serving(at_least).await
    }

    /// A handle that keeps nothing of the worker alive.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// let weak = counter.downgrade();
    /// let again = weak.upgrade().ok_or("the worker is gone")?;
    /// assert_eq!(again.add(1).await?, 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn downgrade(&self) -> WeakHandle<W> {
        WeakHandle::new(Arc::downgrade(&self.shared))
    }
}

impl<W: Handlers> Clone for Handle<W> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), timeout: self.timeout }
    }
}

/// Two handles are equal if they are on the same worker, whatever their timeouts are.
impl<W: Handlers> PartialEq for Handle<W> {
    fn eq(&self, other: &Self) -> bool {
        ptr::addr_eq(Arc::as_ptr(&self.shared), Arc::as_ptr(&other.shared))
    }
}

impl<W: Handlers> Eq for Handle<W> {}

impl<W: Handlers> Hash for Handle<W> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.shared).cast::<()>().hash(state);
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

/// A handle that keeps nothing of the worker alive: neither its mailbox nor its tables.
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
/// let weak = counter.downgrade();
/// assert!(weak.upgrade().is_some());
/// tree.shutdown().await;
/// drop(counter); // the last handle: the tables are freed
/// assert!(weak.upgrade().is_none());
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
pub struct WeakHandle<W: Handlers> {
    shared: WeakTarget<W>,
}

impl<W: Handlers> WeakHandle<W> {
    pub(crate) fn new(shared: WeakTarget<W>) -> Self {
        Self { shared }
    }

    /// The handle on the worker of this type that is registered in a tree under this name.
    pub(crate) fn whereis(registry: &Registry, name: &str) -> Option<W::Handle> {
        Self::new(registry.whereis(name)?).upgrade()
    }

    /// The registry of the worker's tree.
    pub(crate) fn registry(&self) -> Option<Registry> {
        self.shared.upgrade().map(|shared| shared.registry().clone())
    }

    /// The open replies of the worker.
    pub(super) fn open_replies(&self) -> Arc<OpenReplies> {
        self.shared.upgrade().map(|shared| shared.open_replies()).unwrap_or_default()
    }

    /// The message in progress, in the place of its caller, if somebody watches it.
    #[cold]
    pub(super) fn watched_call(&self) -> Option<Arc<dyn Caller>> {
        self.shared.upgrade()?.mailbox.caller_in_progress().filter(|caller| caller.watched().is_some())
    }

    /// A delayed message was dropped: tells it, if that is because the worker has stopped for good.
    pub(super) fn delayed_send_dropped(&self, incarnation: u64) {
        if let Some(shared) = self.shared.upgrade()
            && shared.mailbox.is_closed_for_good()
        {
            shared.emit(EventKind::SendsDropped { incarnation, sends: 1 });
        }
    }

    /// Whose panics those of an incarnation are.
    pub(super) fn who(&self, incarnation: u64) -> Option<Who> {
        let shared = self.shared.upgrade()?;
        Some(Who::worker(&shared.name, shared.registry(), incarnation))
    }

    /// The panic by which this incarnation ends has been told.
    pub(super) fn panic_told(&self, incarnation: u64) {
        if let Some(shared) = self.shared.upgrade() {
            shared.panic_told(incarnation);
        }
    }

    /// What the handle points at.
    pub(super) fn target(&self) -> WeakTarget<W> {
        WeakTarget::<W>::clone(&self.shared)
    }

    /// Whether both are on the same worker.
    pub(super) fn is_same<V: Handlers>(&self, other: &WeakHandle<V>) -> bool {
        ptr::addr_eq(self.shared.as_ptr(), other.shared.as_ptr())
    }

    /// The newest incarnation, alive or ended.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        self.shared.upgrade()?.process()
    }

    /// The worker's handle. `None` once its supervisor has ended and no other handle is left.
    pub fn upgrade(&self) -> Option<W::Handle> {
        self.shared.upgrade().map(|shared| W::Handle::from(Handle::new(shared)))
    }
}

impl<W: Handlers> Clone for WeakHandle<W> {
    fn clone(&self) -> Self {
        Self { shared: WeakTarget::<W>::clone(&self.shared) }
    }
}

/// Two weak handles are equal if they are on the same worker.
impl<W: Handlers> PartialEq for WeakHandle<W> {
    fn eq(&self, other: &Self) -> bool {
        ptr::addr_eq(self.shared.as_ptr(), other.shared.as_ptr())
    }
}

impl<W: Handlers> Eq for WeakHandle<W> {}

impl<W: Handlers> Hash for WeakHandle<W> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shared.as_ptr().cast::<()>().hash(state);
    }
}

impl<W: Handlers> fmt::Debug for WeakHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakHandle").field("alive", &(self.shared.strong_count() > 0)).finish()
    }
}
