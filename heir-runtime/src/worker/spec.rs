//! The settings with which a supervisor starts, restarts and stops a worker (a child
//! specification).

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::mailbox::Cast;
use crate::mailbox::OnUndelivered;
use crate::mailbox::Undelivered;
#[cfg(feature = "store")]
use crate::store::ledger::Ledger;
use crate::table::Journal;
#[cfg(feature = "store")]
use crate::table::Readers;
#[cfg(feature = "testing")]
use crate::util::plan::Plan;
use crate::worker::Backoff;
use crate::worker::Handlers;
use crate::worker::Worker;
use crate::worker::tick::{Missed, Tick};

/// The arguments and settings with which a supervisor starts, restarts and stops a worker (a child
/// specification).
///
/// `Counter::spec(..)` (generated) makes it, and
/// [`SupervisorBuilder::worker`](crate::SupervisorBuilder::worker) takes it. Its methods override
/// the settings of the worker's `#[heir(..)]`, for this one child.
///
/// ```
/// use std::time::Duration;
///
/// use heir_runtime::{Restart, Shutdown, Supervisor, handlers, heir};
///
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     fn count(&mut self) -> u64 {
///         self.count += 1;
///         self.count
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut tree = Supervisor::builder("app");
/// let spec = Counter::spec()
///     .name("visits")
///     .restart(Restart::Transient)
///     .shutdown(Shutdown::Timeout(Duration::from_secs(1)))
///     .mailbox(16);
/// let visits = tree.worker(spec);
/// let tree = tree.start().await?;
/// assert_eq!(visits.name(), "visits");
/// tree.shutdown().await;
/// # Ok::<_, heir_runtime::BoxError>(())
/// # }).unwrap();
/// ```
///
/// `Spec<W, Later>` is a spec whose arguments come [later](Later): what a tree
/// [reserves](crate::SupervisorBuilder::reserve) a worker by.
#[must_use = "a spec does nothing until a supervisor gets it"]
pub struct Spec<W: Worker, A = <W as Worker>::Args> {
    pub(crate) name: Arc<str>,
    pub(crate) args: A,
    pub(crate) registered: Option<Arc<str>>,
    pub(crate) on_undelivered: Option<OnUndelivered>,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    /// The records of the tables that the worker takes over, and readers of them.
    #[cfg(feature = "store")]
    pub(crate) ledger: Option<(Arc<Ledger>, Readers)>,
    /// The ticks that are given here, a `Vec<Tick<W::Message>>`: only a worker with handlers has a
    /// type of messages.
    ticks: Option<Arc<dyn Any + Send + Sync>>,
    /// The deaths that a test has asked for.
    #[cfg(feature = "testing")]
    pub(crate) deaths: Option<Arc<Plan>>,
    pub(crate) settings: Settings,
    worker: PhantomData<fn() -> W>,
}

/// In place of the arguments of a [`Spec`]: they come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Later;

/// The settings of a worker that many workers may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) mailbox: usize,
    pub(crate) start_timeout: Duration,
    pub(crate) crash_loop: Option<u32>,
    pub(crate) quarantine: AfterQuarantine,
    pub(crate) max_quarantined: usize,
    pub(crate) backoff: Backoff,
    pub(crate) significant: bool,
    pub(crate) while_down: WhileDown,
    pub(crate) handler_timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
}

/// Whether a child that ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Unless it ended [normally](crate::ExitReason::is_normal).
    Transient,
    /// Never.
    Temporary,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// The child finishes its message and its stop hook, and is aborted if that takes longer than
    /// this.
    Timeout(Duration),
    /// The child is aborted at once.
    BrutalKill,
}

/// Whether a worker goes on when its tables are quarantined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterQuarantine {
    /// The worker stops for good; its tables stay in the estate, free to be claimed.
    #[default]
    Stop,
    /// The worker goes on with new tables, and the quarantined ones are parked on its handle, up to
    /// [`Spec::max_quarantined`] bundles. Nothing is parked if all tables are recorded and nobody
    /// has written to them since they were created.
    Fresh,
}

/// Whether calls and casts wait while no incarnation serves: between two incarnations, before the
/// first, and while an incarnation does not yield to the runtime. (An incarnation with a slow
/// handler serves, and so does a [paused](crate::Handle::pause) one.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhileDown {
    /// They are queued, and wait. A sender waits for a permit while the mailbox is full.
    #[default]
    Wait,
    /// They are queued, and wait, but no longer than this, added up over the time in which no
    /// incarnation serves. Then a call fails with
    /// [`CallError::DownFor`](crate::CallError::DownFor), and a sender that waits for a permit with
    /// [`NotSent::DownFor`](crate::NotSent::DownFor). The caller's tokio runtime needs its timer.
    WaitFor(Duration),
    /// They fail at once, with [`NotSent::Down`](crate::NotSent::Down), and so does a sender that
    /// waits for a permit at that moment. Messages that have been queued before stay queued. A
    /// worker that sends to itself in its start hooks fails, too: it does not serve yet.
    Fail,
}

impl Default for Shutdown {
    /// Five seconds, as in OTP.
    fn default() -> Self {
        Self::Timeout(Duration::from_secs(5))
    }
}

impl<W: Worker> Spec<W> {
    /// How many messages a mailbox holds by default.
    pub const MAILBOX: usize = 64;

    /// How long a start may take by default.
    pub const START_TIMEOUT: Duration = Duration::from_mins(1);

    /// How many incarnations in a row may die over their tables by default.
    pub const CRASH_LOOP: u32 = 5;

    /// How many quarantined bundles of tables stay parked by default.
    pub const MAX_QUARANTINED: usize = 8;

    /// A spec with these arguments, the worker's own [settings](Worker::configure), and the
    /// defaults of all others.
    pub fn new(args: W::Args) -> Self {
        Spec::later().with(args)
    }
}

impl<W: Worker> Spec<W, Later> {
    /// A spec whose arguments come [later](Self::with), with the worker's own
    /// [settings](Worker::configure), and the defaults of all others.
    pub fn later() -> Self {
        W::configure(Self {
            name: Arc::from(W::NAME),
            args: Later,
            registered: W::REGISTERED.map(Arc::from),
            on_undelivered: None,
            journal: None,
            #[cfg(feature = "store")]
            ledger: None,
            ticks: None,
            #[cfg(feature = "testing")]
            deaths: None,
            settings: Settings {
                restart: Restart::default(),
                shutdown: Shutdown::default(),
                mailbox: Spec::<W>::MAILBOX,
                start_timeout: Spec::<W>::START_TIMEOUT,
                crash_loop: Some(Spec::<W>::CRASH_LOOP),
                quarantine: AfterQuarantine::default(),
                max_quarantined: Spec::<W>::MAX_QUARANTINED,
                backoff: Backoff::default(),
                significant: false,
                while_down: WhileDown::default(),
                handler_timeout: None,
                heartbeat: None,
            },
            worker: PhantomData,
        })
    }

    /// The spec with its arguments.
    pub fn with(self, args: W::Args) -> Spec<W> {
        self.exchange(args).0
    }
}

impl<W: Worker, A> Spec<W, A> {
    /// The spec with other arguments; returns those that it had.
    pub(crate) fn exchange<B>(self, args: B) -> (Spec<W, B>, A) {
        let Self {
            name,
            args: before,
            registered,
            on_undelivered,
            journal,
            #[cfg(feature = "store")]
            ledger,
            ticks,
            #[cfg(feature = "testing")]
            deaths,
            settings,
            worker,
        } = self;
        let spec = Spec {
            name,
            args,
            registered,
            on_undelivered,
            journal,
            #[cfg(feature = "store")]
            ledger,
            ticks,
            #[cfg(feature = "testing")]
            deaths,
            settings,
            worker,
        };
        (spec, before)
    }

    /// The name by which its supervisor knows the worker. Two children of one supervisor have
    /// different names. Default: the struct's name.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Whether the worker is started again when it ended. Default: [`Restart::Permanent`].
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec().restart(Restart::Temporary));
    /// # let tree = tree.start().await?;
    /// counter.kill();
    /// assert_eq!(counter.wait_stopped().await, Stopped::Ended(ExitReason::Killed));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn restart(mut self, restart: Restart) -> Self {
        self.settings.restart = restart;
        self
    }

    /// How the worker is stopped. Default: it is asked, and aborted after five seconds.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.settings.shutdown = shutdown;
        self
    }

    /// How many messages the mailbox holds before a sender waits. With `usize::MAX` no sender ever
    /// waits. Default: [`MAILBOX`](Self::MAILBOX).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Log { #[table(keep)] lines: Vec<String> }
    /// # #[handlers]
    /// # impl Log { #[cast] fn note(&mut self, line: String) { self.lines.push(line); } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let log = tree.worker(Log::spec().mailbox(1));
    /// // Nobody has started the tree.
    /// log.note("queued".into()).await?;
    /// let soon = log.with_timeout(Duration::from_millis(10));
    /// assert!(soon.note("waits in vain".into()).await.is_err());
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `messages` is 0.
    pub fn mailbox(mut self, messages: usize) -> Self {
        assert!(messages > 0, "a mailbox holds at least one message");
        self.settings.mailbox = messages;
        self
    }

    /// How long creating the tables may take, and how long the hooks of a start may take. A start
    /// that is late fails. Default: [`START_TIMEOUT`](Self::START_TIMEOUT).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Slow { #[table(keep)] unused: () }
    /// # #[handlers]
    /// # impl Slow {
    /// #     #[on(start)]
    /// #     async fn start(&mut self) { tokio::time::sleep(Duration::from_secs(60)).await; }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// tree.worker(Slow::spec().start_timeout(Duration::from_secs(5)));
    /// assert!(tree.start().await.is_err()); // its start hook takes a minute
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.settings.start_timeout = timeout;
        self
    }

    /// How many incarnations in a row may panic or fail in their start hooks, or over a message
    /// that is served again. Then the tables are taken for the cause and quarantined; with `None`
    /// they never are. Default: [`CRASH_LOOP`](Self::CRASH_LOOP). The
    /// [intensity](crate::SupervisorBuilder::intensity) of the supervisor must allow as many
    /// restarts.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     #[on(start)]
    /// #     fn check(&mut self) { assert!(self.count < 10, "too many") }
    /// #     fn add(&mut self, n: u64) -> u64 { self.count += n; self.count }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec().crash_loop(Some(2)));
    /// # let tree = tree.start().await?;
    /// counter.add(10).await?; // with these tables its start hook panics
    /// counter.kill();
    /// assert!(matches!(counter.wait_stopped().await, Stopped::Quarantined(_)));
    /// assert_eq!(counter.estate().claim("main")?.count, 10);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `starts` is `Some(0)`.
    pub fn crash_loop(mut self, starts: Option<u32>) -> Self {
        assert!(
            starts != Some(0),
            "a crash loop takes at least one start; `None` switches its recognition off"
        );
        self.settings.crash_loop = starts;
        self
    }

    /// How long the worker waits before it is started again, and its manager too. Default:
    /// [`Backoff::None`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::Backoff;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec().backoff(Backoff::Fixed(Duration::from_secs(5))));
    /// # let tree = tree.start().await?;
    /// let killed = tokio::time::Instant::now();
    /// counter.kill();
    /// assert_eq!(counter.add(1).await?, 1); // it has waited for the next incarnation
    /// assert!(killed.elapsed() >= Duration::from_secs(5));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Whether the supervisor may end when this worker has: see
    /// [`AutoShutdown`](crate::supervision::AutoShutdown). Default: no.
    ///
    /// ```
    /// # use heir_runtime::supervision::AutoShutdown;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Import { #[table(keep)] lines: u64 }
    /// # #[handlers]
    /// # impl Import { #[cast] fn finish(&mut self, cx: &mut Context<Self>) { cx.stop(); } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app").auto_shutdown(AutoShutdown::AnySignificant);
    /// let import = tree.worker(Import::spec().restart(Restart::Transient).significant(true));
    /// let mut tree = tree.start().await?;
    /// import.finish().await?;
    /// assert!(matches!(tree.wait().await.why, Stopped::Significant(_)));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn significant(mut self, significant: bool) -> Self {
        self.settings.significant = significant;
        self
    }

    /// Registers the worker in its tree (`register/2`, but no name is global):
    /// [`SupervisorHandle::whereis`](crate::SupervisorHandle::whereis) finds its handle by this
    /// name from anywhere in the tree. The name is free again when the worker has stopped for good.
    /// Default: not registered.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// tree.worker(Counter::spec().registered("hits"));
    /// let tree = tree.start().await?;
    /// let counter = tree.whereis::<Counter>("hits").ok_or("no such worker")?;
    /// assert_eq!(counter.add(1).await?, 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn registered(mut self, name: impl Into<Arc<str>>) -> Self {
        self.registered = Some(name.into());
        self
    }

    /// Whether the worker goes on when its tables are quarantined. Default:
    /// [`AfterQuarantine::Stop`].
    ///
    /// ```
    /// # use heir_runtime::{AfterQuarantine, Exit, Verdict};
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: i64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     fn add(&mut self, n: i64) -> i64 {
    /// #         self.count += n;
    /// #         assert!(self.count >= 0, "below zero");
    /// #         self.count
    /// #     }
    /// #     #[on(verify)]
    /// #     fn check(tables: &mut CounterTables, _exit: &Exit) -> Verdict {
    /// #         if tables.count < 0 { Verdict::quarantine("below zero") } else { Verdict::Accept }
    /// #     }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec().quarantine(AfterQuarantine::Fresh));
    /// # let tree = tree.start().await?;
    /// assert!(counter.add(-1).await.is_err()); // its `#[on(verify)]` hook refuses these tables
    /// assert_eq!(counter.add(1).await?, 1); // with new ones
    /// assert_eq!(counter.take_quarantined()[0].tables.count, -1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn quarantine(mut self, after: AfterQuarantine) -> Self {
        self.settings.quarantine = after;
        self
    }

    /// How many bundles of quarantined tables are parked on the handle at a time, with
    /// [`AfterQuarantine::Fresh`], before they are [taken out](crate::Handle::take_quarantined).
    ///
    /// The next bundle stops the worker
    /// ([`Stopped::QuarantineFull`](crate::Stopped::QuarantineFull)) and stays in the estate, free
    /// to be claimed: nothing is ever dropped to make room. With 0 nothing is parked, so the worker
    /// goes on only if nobody had written to its tables; with `usize::MAX` there is no bound.
    /// Default: [`MAX_QUARANTINED`](Self::MAX_QUARANTINED).
    ///
    /// ```
    /// # use heir_runtime::{AfterQuarantine, Exit, Verdict};
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: i64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     fn add(&mut self, n: i64) -> i64 {
    /// #         self.count += n;
    /// #         assert!(self.count >= 0, "below zero");
    /// #         self.count
    /// #     }
    /// #     #[on(verify)]
    /// #     fn check(tables: &mut CounterTables, _exit: &Exit) -> Verdict {
    /// #         if tables.count < 0 { Verdict::quarantine("below zero") } else { Verdict::Accept }
    /// #     }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let spec = Counter::spec().quarantine(AfterQuarantine::Fresh).max_quarantined(1);
    /// let counter = tree.worker(spec);
    /// # let tree = tree.start().await?;
    /// assert!(counter.add(-1).await.is_err()); // parked
    /// assert!(counter.add(-2).await.is_err()); // one too many
    /// assert!(matches!(counter.wait_stopped().await, Stopped::QuarantineFull { parked: 1, .. }));
    /// assert_eq!(counter.estate().claim("main")?.count, -2);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn max_quarantined(mut self, bundles: usize) -> Self {
        self.settings.max_quarantined = bundles;
        self
    }

    /// Whether calls and casts wait while no incarnation serves. Default: [`WhileDown::Wait`].
    ///
    /// ```
    /// # use heir_runtime::{NotSent, WhileDown};
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec().while_down(WhileDown::Fail));
    /// let refused = counter.add(1).await; // nobody has started the tree
    /// assert!(matches!(refused, Err(CallError::NotSent { why: NotSent::Down(_), .. })));
    /// let tree = tree.start().await?;
    /// assert_eq!(counter.add(1).await?, 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn while_down(mut self, senders: WhileDown) -> Self {
        self.settings.while_down = senders;
        self
    }

    /// Calls `hook` with every queued message that is not served and whose sender cannot be told (a
    /// dead letter).
    ///
    /// These are the casts that are queued when the worker stops for good, a cast over which the
    /// worker died (unless it is served again), and a call whose caller has gone. So no queued
    /// message vanishes: it is served, or its caller is told, or the hook gets it. Default: they
    /// are dropped.
    ///
    /// The hook must not block: it runs in a sender's task or in one of the tree's. A panic in it
    /// is caught and ignored. A hook that captures a handle keeps the worker's tables alive:
    /// capture a [weak](crate::Handle::downgrade) handle.
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Log { #[table(keep)] lines: Vec<String> }
    /// # #[handlers]
    /// # impl Log { #[cast] fn note(&mut self, line: String) { self.lines.push(line); } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let (lost, letters) = mpsc::channel();
    /// let log = tree.worker(Log::spec().on_undelivered(move |letter| drop(lost.send(letter.message))));
    /// # let tree = tree.start().await?;
    /// log.pause().await?;
    /// log.note("too late".into()).await?;
    /// tree.shutdown().await;
    /// assert_eq!(letters.try_recv()?, "note");
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn on_undelivered(mut self, hook: impl Fn(Undelivered) + Send + Sync + 'static) -> Self {
        self.on_undelivered = Some(OnUndelivered::new(hook));
        self
    }

    /// Has this journal keep the commits of the worker, and say when they become visible: where a
    /// store attaches.
    #[doc(hidden)]
    pub fn kept_by(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// How long a handler may take, and each hook after the start. When one takes longer, the
    /// incarnation ends with [`ExitReason::TimedOut`](crate::ExitReason::TimedOut), its message is
    /// undone and its caller told. With [`Duration::MAX`] there is no limit. Default: no limit.
    ///
    /// The handler ends at its next await. A handler that blocks its thread goes on until it
    /// returns: see [`heartbeat`](Self::heartbeat).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Slow { #[table(keep)] unused: () }
    /// # #[handlers]
    /// # impl Slow { async fn work(&mut self) { tokio::time::sleep(Duration::from_secs(60)).await; } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let slow = tree.worker(Slow::spec().handler_timeout(Duration::from_secs(5)));
    /// # let tree = tree.start().await?;
    /// let late = slow.work().await; // it takes a minute
    /// assert!(matches!(late, Err(CallError::Died { reason: ExitReason::TimedOut { .. }, .. })));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handler_timeout = (timeout < Duration::MAX).then_some(timeout);
        self
    }

    /// How long the worker may go without yielding to the runtime. When it goes longer, it is
    /// reported as unresponsive ([`Status::Unresponsive`](crate::Status::Unresponsive),
    /// [`EventKind::Unresponsive`](crate::events::EventKind::Unresponsive)) and aborted. With
    /// [`Duration::MAX`] there is no limit. Default: no limit.
    ///
    /// The worker keeps its tables until it yields, returns or panics. Then it ends with
    /// [`ExitReason::Unresponsive`](crate::ExitReason::Unresponsive), its message is undone, and
    /// the tables move on. One thread watches all workers with a heartbeat, by the real clock and
    /// not by tokio's paused one. After a standstill of the whole process (stopped, frozen, or
    /// asleep with its machine) a handler in progress has one fresh heartbeat.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Stuck { #[table(keep)] unused: () }
    /// # #[handlers]
    /// # impl Stuck { fn block(&mut self) { std::thread::sleep(Duration::from_millis(300)); } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let stuck = tree.worker(Stuck::spec().heartbeat(Duration::from_millis(20)));
    /// # let tree = tree.start().await?;
    /// let down = stuck.monitor();
    /// assert!(stuck.block().await.is_err()); // it blocks its thread for longer
    /// assert!(matches!(down.await.reason, ExitReason::Unresponsive { .. }));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `heartbeat` is zero.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        assert!(!heartbeat.is_zero(), "no worker yields at once: a heartbeat is not zero");
        self.settings.heartbeat = (heartbeat < Duration::MAX).then_some(heartbeat);
        self
    }
}

impl<W: Handlers, A> Spec<W, A> {
    /// Has the worker's own clock send it a message without arguments after each `period`: what
    /// `#[every(..)]` on a handler declares. `make` is a variant of the worker's messages, and may
    /// be any cast without arguments. If the handler has a clock already, this takes its place.
    ///
    /// The due time belongs to the worker, not to an incarnation: restarts and upgrades keep the
    /// grid, whose first point is one period after the first incarnation serves. At most one tick
    /// of a handler is outstanding, whatever the worker does meanwhile; `missed` says what becomes
    /// of the others. With a period that is too long to be added to the time, as
    /// [`Duration::MAX`] is, the worker never gets a tick. The reference of
    /// [`#[handlers]`](macro@crate::handlers) has the whole.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::Missed;
    ///
    /// #[heir]
    /// struct Sessions { #[table(keep)] open: Vec<u64> }
    ///
    /// #[handlers]
    /// impl Sessions {
    ///     #[every("1s")]
    ///     fn sweep(&mut self) { self.open.pop(); }
    /// }
    ///
    /// let each_minute = Sessions::spec().every(Duration::from_mins(1), Missed::CatchUp, SessionsMessage::Sweep);
    /// ```
    ///
    /// # Panics
    /// If `period` is zero.
    pub fn every(mut self, period: Duration, missed: Missed, make: fn(Cast<()>) -> W::Message) -> Self {
        let mut ticks = self.ticks();
        ticks.push(Tick::every(period, missed, make));
        self.ticks = Some(Arc::new(ticks));
        self
    }

    /// The ticks that are given here, in the order in which they are.
    pub(crate) fn ticks(&self) -> Vec<Tick<W::Message>> {
        let ticks = self.ticks.as_ref().and_then(|ticks| ticks.downcast_ref::<Vec<Tick<W::Message>>>());
        ticks.cloned().unwrap_or_default()
    }
}

// By hand, because derives would require the worker to be `Clone` and `Debug`.
impl<W: Worker, A: Clone> Clone for Spec<W, A> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            args: self.args.clone(),
            registered: self.registered.clone(),
            on_undelivered: self.on_undelivered.clone(),
            journal: self.journal.clone(),
            #[cfg(feature = "store")]
            ledger: self.ledger.clone(),
            ticks: self.ticks.clone(),
            #[cfg(feature = "testing")]
            deaths: self.deaths.clone(),
            ..*self
        }
    }
}

impl<W: Worker, A> fmt::Debug for Spec<W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("restart", &self.settings.restart)
            .field("shutdown", &self.settings.shutdown)
            .field("mailbox", &self.settings.mailbox)
            .field("start_timeout", &self.settings.start_timeout)
            .finish_non_exhaustive()
    }
}
