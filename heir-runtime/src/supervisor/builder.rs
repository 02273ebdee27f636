//! The builder of a tree.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::process::status::Stopped;
#[cfg(feature = "store")]
use crate::store::Store;
use crate::supervisor::Supervisor;
use crate::supervisor::child::Rules;
use crate::supervisor::child::spec::{ChildPlan, ChildSpec, Filled, Reserved, sealed};
use crate::supervisor::child::subtree::SupervisorChild;
use crate::supervisor::handle::SupervisorHandle;
use crate::supervisor::report::StartError;
use crate::supervisor::root;
use crate::supervisor::run::intensity::Limit;
use crate::supervisor::run::slot::Slot;
use crate::supervisor::run::{Run, Slots, SupervisorRules};
use crate::supervisor::shared::{Limits, SupervisorShared};
use crate::supervisor::strategy::{AutoShutdown, Strategy};
use crate::tree::events::{Event, Observer};
use crate::tree::subscription::EventStream;
use crate::util::caught::CatchDrop;
use crate::util::stop::stop_signal;
use crate::worker::Backoff;
use crate::worker::Handlers;
use crate::worker::Restart;
use crate::worker::Shutdown;
use crate::worker::Spec;

/// Builds a tree: its children, strategy and limits. Made by [`Supervisor::builder`].
///
/// The tree is then [started](Self::start), or becomes a subtree: a
/// [child](SupervisorBuilder::child) of another builder.
///
/// `H` is the handle of the finished tree. `A` is what a declared tree is still to be
/// [given](Self::with): the arguments of its children.
///
/// ```
/// use std::time::Duration;
///
/// use heir_runtime::prelude::*;
/// use heir_runtime::{Backoff, Shutdown};
/// # #[heir] struct Stock { #[table(keep)] left: u64 }
/// # #[handlers] impl Stock { fn left(&mut self) -> u64 { self.left } }
/// # #[heir] struct Sales { #[table(keep)] sold: u64 }
/// # #[handlers] impl Sales {}
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut shop = Supervisor::builder("shop")
///     .strategy(Strategy::RestForOne)
///     .intensity(3)
///     .period(Duration::from_secs(5))
///     .backoff(Backoff::Fixed(Duration::from_millis(100)));
/// let stock = shop.worker(Stock::spec());
/// shop.worker(Sales::spec());
///
/// let mut app = Supervisor::builder("app")
///     .shutdown(Shutdown::Timeout(Duration::from_secs(20)))
///     .observe(|event| eprintln!("{event}"));
/// let shop = app.child(shop); // a subtree
/// let app = app.start().await?;
///
/// assert_eq!(stock.left().await?, 0);
/// assert_eq!(shop.count_children().workers, 2);
/// # app.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[must_use = "a tree does nothing until it is started"]
pub struct SupervisorBuilder<H = SupervisorHandle, A = ()> {
    handle: H,
    plan: Plan,
    /// Gives the reserved children of a declared tree their arguments.
    fill: Option<Fill<H, A>>,
}

type Fill<H, A> = Box<dyn FnOnce(&mut SupervisorBuilder, &H, A) + Send>;
/// How many workers a dynamic supervisor gives up on before it gives up itself, by default.
const MAX_GIVEN_UP: usize = 100;

/// The settings and children of a supervisor to be.
struct Plan {
    shared: Unstarted,
    slots: Slots,
    /// The first mistake in the declaration of a child.
    refused: Option<StartError>,
    label: Option<Arc<str>>,
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    dynamic: bool,
    limit: Limit,
    /// `None`: restarts of all children count together.
    max_given_up: Option<usize>,
    observers: Vec<Observer>,
    restart: Restart,
    shutdown: Option<Shutdown>,
    significant: bool,
    backoff: Backoff,
}

/// The shared side of a supervisor that has not been started. If it never is, whoever waits for it
/// or its children is told.
struct Unstarted {
    shared: Arc<SupervisorShared>,
    is_planned: bool,
}

impl Deref for Unstarted {
    type Target = Arc<SupervisorShared>;

    fn deref(&self) -> &Arc<SupervisorShared> {
        &self.shared
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if self.is_planned {
            self.shared.retire_all(&Stopped::Dropped);
        }
    }
}

impl<H: Clone + Send + Sync + 'static> ChildSpec for SupervisorBuilder<H> {
    type Handle = H;
    type Plan = Self;

    fn split(self) -> (Self, ()) {
        (self, ())
    }
}

impl<H: Clone + Send + Sync + 'static, A: 'static> ChildPlan for SupervisorBuilder<H, A> {
    type Handle = H;
    type Args = A;
}

impl<H: Clone + Send + Sync + 'static, A: 'static> sealed::Reserve<H, A> for SupervisorBuilder<H, A> {
    fn given_up_at_most(mut self, most: Option<usize>) -> Self {
        self.plan.max_given_up = most;
        self
    }

    fn reserve(mut self, supervisor: &SupervisorShared) -> Reserved<H, A> {
        let position = supervisor.next_position();
        let id = position.id;
        let shared = Arc::clone(&self.plan.shared);
        shared.settle_at(position);
        self.plan.describe();
        let twice = shared.registry().join(supervisor.registry()).map(StartError::DuplicateRegistration);
        Reserved {
            id,
            parent: Arc::clone(&supervisor.requests),
            node: shared,
            handle: self.handle.clone(),
            refused: twice,
            fill: Box::new(move |args| self.with(args).plan.into_child()),
        }
    }
}

impl SupervisorBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        let shared = Arc::new(SupervisorShared::new(name));
        let handle = SupervisorHandle::new(Arc::clone(&shared));
        let plan = Plan {
            shared: Unstarted { shared, is_planned: true },
            slots: Slots::new(),
            refused: None,
            label: None,
            strategy: Strategy::default(),
            auto_shutdown: AutoShutdown::default(),
            dynamic: false,
            limit: Limit { restarts: 10, period: Duration::from_secs(10) },
            max_given_up: None,
            observers: Vec::new(),
            restart: Restart::default(),
            shutdown: None,
            significant: false,
            backoff: Backoff::default(),
        };
        Self { handle, plan, fill: None }
    }

    /// Makes the supervisor dynamic: its children are many workers of one type, and each has the
    /// intensity to itself.
    pub(super) fn dynamic(mut self) -> Self {
        self.plan.dynamic = true;
        self.plan.max_given_up = Some(MAX_GIVEN_UP);
        self
    }

    /// Sets which children are restarted when one ends. Default: [`Strategy::OneForOne`].
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    /// let one = tree.worker(Counter::spec().name("one"));
    /// let other = tree.worker(Counter::spec().name("other"));
    /// let tree = tree.start().await?;
    /// one.kill();
    /// assert_eq!(other.wait_serving(2).await?, 2); // restarted with it
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.plan.strategy = strategy;
        self
    }

    /// Sets whether the supervisor ends by itself when its significant children have ended.
    /// Default: [`AutoShutdown::Never`].
    ///
    /// ```
    /// # use heir_runtime::supervision::AutoShutdown;
    /// # use heir_runtime::prelude::*;
    /// # #[heir(restart = transient)] struct Import { #[table(keep)] lines: u64 }
    /// # #[handlers]
    /// # impl Import { #[cast] fn finish(&mut self, cx: &mut Context<Self>) { cx.stop(); } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app").auto_shutdown(AutoShutdown::AllSignificant);
    /// let orders = tree.worker(Import::spec().name("orders").significant(true));
    /// let prices = tree.worker(Import::spec().name("prices").significant(true));
    /// let mut tree = tree.start().await?;
    /// orders.finish().await?;
    /// prices.finish().await?;
    /// assert!(matches!(tree.wait().await.why, Stopped::Significant(_)));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.plan.auto_shutdown = auto_shutdown;
        self
    }

    /// Replaces the handle by what `wrap` makes of it.
    pub fn declared<H>(self, wrap: impl FnOnce(SupervisorHandle) -> H) -> SupervisorBuilder<H> {
        SupervisorBuilder { handle: wrap(self.handle), plan: self.plan, fill: None }
    }

    /// Replaces the handle by what `wrap` makes of it, and has `fill` give the children that are
    /// [reserved](Self::reserve) their arguments, once the tree has its own. This is how
    /// `#[supervisor]` makes a tree of a struct: `wrap` puts the handles of the children together,
    /// and `fill` finds them there.
    pub fn declared_later<H, A>(
        self,
        wrap: impl FnOnce(SupervisorHandle) -> H,
        fill: impl FnOnce(&mut SupervisorBuilder, &H, A) + Send + 'static,
    ) -> SupervisorBuilder<H, A> {
        SupervisorBuilder { handle: wrap(self.handle), plan: self.plan, fill: Some(Box::new(fill)) }
    }
}

impl<H, A> SupervisorBuilder<H, A> {
    /// Adds a child, and returns its handle: a worker with its manager, or another tree as a
    /// subtree.
    ///
    /// Children are started in the order in which they were added, or [reserved](Self::reserve).
    /// Messages that are sent to a worker before it has started wait for it.
    pub fn child<S: ChildSpec>(&mut self, spec: S) -> S::Handle {
        let (plan, args) = spec.split();
        let reserved = self.reserve(plan);
        let handle = reserved.handle();
        self.fill(reserved, args);
        handle
    }

    /// Adds a worker with its manager, and returns its handle: [`child`](Self::child) of a worker's
    /// spec.
    pub fn worker<W: Handlers>(&mut self, spec: Spec<W>) -> W::Handle {
        self.child(spec)
    }

    /// Adds a child whose arguments come later, by [`fill`](Self::fill). Its handle can be had at
    /// once, so that children can be given the handles of each other.
    ///
    /// [`Child::plan`](crate::supervision::Child::plan) makes the plan of a worker, of a declared
    /// tree, and of a [`Dynamic`](crate::Dynamic).
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::supervision::Child;
    ///
    /// /// Plays as long as there are balls.
    /// #[heir]
    /// struct Player {
    ///     #[table(keep)]
    ///     played: u64,
    ///     #[arg]
    ///     other: PlayerHandle,
    /// }
    ///
    /// #[handlers]
    /// impl Player {
    ///     #[cast]
    ///     async fn play(&mut self, cx: &mut Context<Self>, balls: u64) {
    ///         self.played += 1;
    ///         if balls > 1 && cx.send(self.other.play(balls - 1)).await.is_err() {
    ///             cx.stop(); // the other has stopped for good
    ///         }
    ///     }
    ///
    ///     fn played(&mut self) -> u64 {
    ///         self.played
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("game");
    /// let ping = tree.reserve(Player::plan().name("ping"));
    /// let pong = tree.reserve(Player::plan().name("pong"));
    /// let (first, second) = (ping.handle(), pong.handle());
    /// tree.fill(ping, PlayerArgs { other: second.clone() });
    /// tree.fill(pong, PlayerArgs { other: first.clone() });
    /// let tree = tree.start().await?;
    ///
    /// first.play(3).await?;
    /// while first.played().await? + second.played().await? < 3 {}
    /// tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// If a reserved child never gets its arguments, the tree does not start:
    /// [`StartError::NotFilled`].
    pub fn reserve<P: ChildPlan>(&mut self, plan: P) -> Reserved<P::Handle, P::Args> {
        let mut reserved = plan.reserve(&self.plan.shared);
        let node = &reserved.node;
        let name = node.name();
        let twice = self.plan.shared.children.has(name).then(|| StartError::DuplicateName(Arc::clone(name)));
        let enlisted = Arc::clone(node).register_name().err().map(StartError::DuplicateRegistration);
        // A supervisor that has not started takes every child.
        let _open = self.plan.shared.children.insert(reserved.id, Arc::clone(node));
        let refused = reserved.refused.take();
        self.plan.refuse(refused.or(twice).or(enlisted));
        reserved
    }

    /// Gives a [reserved](Self::reserve) child its arguments.
    ///
    /// If the child was reserved in another tree, neither tree starts: the error is
    /// [`StartError::NotFilled`] here, too.
    pub fn fill<C, B>(&mut self, reserved: Reserved<C, B>, args: B) {
        let Reserved { id, parent, node, fill, .. } = reserved;
        if !Arc::ptr_eq(&parent, &self.plan.shared.requests) {
            return self.plan.refuse(Some(StartError::NotFilled(Arc::clone(node.name()))));
        }
        let Filled { member, refused } = fill(args);
        self.plan.refuse(refused);
        self.plan.slots.insert(id, Box::new(Slot::new(member)));
    }

    /// Gives a declared tree the arguments that its children take.
    pub fn with(self, args: A) -> SupervisorBuilder<H> {
        let Self { handle, plan, fill } = self;
        let Some(fill) = fill else { return SupervisorBuilder { handle, plan, fill: None } };
        let supervisor = SupervisorHandle::new(Arc::clone(&plan.shared));
        let mut tree = SupervisorBuilder { handle: supervisor, plan, fill: None };
        fill(&mut tree, &handle, args);
        SupervisorBuilder { handle, plan: tree.plan, fill: None }
    }

    /// The handle of the tree to be.
    pub(super) fn handle(&self) -> &H {
        &self.handle
    }

    /// Replaces the name that the tree was built with.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.plan.label = Some(name.into());
        self
    }

    /// Sets how many restarts of all children together are allowed in one [`period`](Self::period);
    /// with one more, the supervisor gives up. Default: 10 in 10 seconds.
    ///
    /// For a [`Dynamic`](crate::Dynamic) it is how many restarts of each worker, with its manager, are
    /// allowed; with one more, the supervisor gives up on that worker alone: see
    /// [`max_given_up`](Self::max_given_up), and [`escalate`](Self::escalate).
    ///
    /// OTP's default, 1 in 5 seconds, leaves no room to recognise a [crash loop](Spec::crash_loop),
    /// or to serve a message again. `u32::MAX` sets no limit.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app").intensity(1);
    /// let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// counter.kill();
    /// counter.wait_serving(2).await?;
    /// counter.kill(); // one restart too many
    /// assert!(matches!(counter.wait_stopped().await, Stopped::GaveUp(_)));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.plan.limit.restarts = restarts;
        self
    }

    /// Sets the period, a sliding window, in which restarts are counted: those of all children
    /// together, or, for a [`Dynamic`](crate::Dynamic), those of each worker. Default: 10 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app").intensity(1).period(Duration::from_secs(5));
    /// let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// for killed in 1..=3 {
    ///     counter.kill();
    ///     counter.wait_serving(killed + 1).await?;
    ///     tokio::time::sleep(Duration::from_secs(6)).await; // that restart counts no more
    /// }
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn period(mut self, period: Duration) -> Self {
        self.plan.limit.period = period;
        self
    }

    /// Calls `observer` with every [`Event`] of this tree and its subtrees.
    ///
    /// The observer runs in the task in which the event happens, so it must not block. Its panics
    /// are caught and ignored. An observer that captures a strong handle keeps that worker's tables
    /// alive: capture a [weak](crate::Handle::downgrade) handle instead.
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// # use heir_runtime::events::EventKind;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let (tell, events) = mpsc::channel();
    /// let mut tree = Supervisor::builder("app").observe(move |event| drop(tell.send(event.kind.clone())));
    /// tree.worker(Counter::spec());
    /// let tree = tree.start().await?;
    /// assert!(events.try_iter().any(|kind| kind == EventKind::ManagerStarted));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn observe(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.plan.observers.push(CatchDrop::new(Box::new(observer)));
        self
    }

    /// Has this store keep the tables of the workers with `survives = process`, of this tree and its
    /// subtrees.
    #[cfg(feature = "store")]
    pub fn store(self, store: Store) -> Self {
        self.plan.shared.registry().keep_in(store);
        self
    }

    /// Returns a stream of all events of this tree and its subtrees, from the first on: for who wants
    /// to await them, or may be slower than they come.
    ///
    /// The stream keeps `capacity` events (at least one) that nobody has taken out. With one more, the
    /// oldest is dropped, and the stream says so in its place: it never keeps the tree waiting. It ends
    /// when the tree has stopped for good.
    ///
    /// ```
    /// # use heir_runtime::events::EventKind;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app");
    /// let mut events = tree.subscribe(1_000);
    /// let counter = tree.worker(Counter::spec());
    /// let watching = tokio::spawn(async move {
    ///     let mut incarnations = Vec::new();
    ///     while let Some(event) = events.next().await {
    ///         match event {
    ///             Ok(event) => match event.kind {
    ///                 EventKind::Serving { incarnation, .. } => incarnations.push((event.path, incarnation)),
    ///                 _ => {}
    ///             },
    ///             Err(missed) => eprintln!("{missed}"),
    ///         }
    ///     }
    ///     incarnations
    /// });
    /// let tree = tree.start().await?;
    /// counter.kill();
    /// counter.wait_serving(2).await?;
    /// tree.shutdown().await;
    /// assert_eq!(watching.await?, [("app/Counter".into(), 1), ("app/Counter".into(), 2)]);
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn subscribe(&self, capacity: usize) -> EventStream {
        self.plan.shared.registry().subscribe(capacity)
    }

    /// As a subtree: sets when the supervisor is restarted, and its children with it; their tables
    /// stay where they are. Default: [`Restart::Permanent`].
    ///
    /// A supervisor that gave up ends as if it had been shut down, so a transient one is not
    /// restarted.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.plan.restart = restart;
        self
    }

    /// Sets how long the end of the supervisor may take. Default: as long as the shutdown timeouts
    /// of all its children together.
    ///
    /// - As a subtree: the supervisor's own supervisor asks it to stop, and aborts it after this
    ///   time.
    /// - As a root: this bounds the end of the whole tree, however that comes about:
    ///   [`Supervisor::run_until`], [`Supervisor::shutdown`], or the tree's own end. The time is
    ///   counted from the beginning of the end. When it is over, every worker that has not ended is
    ///   aborted, in subtrees, too, and the [report](crate::supervision::ShutdownReport) names it.
    ///   An aborted worker has one second more to reach its next await. With
    ///   [`Shutdown::BrutalKill`] all workers are aborted at once, as that says, so the report does
    ///   not name them.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heir_runtime::Shutdown;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Slow { #[table(keep)] unused: () }
    /// # #[handlers]
    /// # impl Slow { #[cast] async fn work(&mut self) { tokio::time::sleep(Duration::from_secs(60)).await; } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app").shutdown(Shutdown::Timeout(Duration::from_secs(1)));
    /// let slow = tree.worker(Slow::spec());
    /// let tree = tree.start().await?;
    /// slow.work().await?; // a cast that takes a minute
    /// # tokio::time::sleep(Duration::from_millis(1)).await;
    /// let report = tree.shutdown().await;
    /// assert_eq!(&*report.aborted[0].child, "Slow");
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.plan.shutdown = Some(shutdown);
        self
    }

    /// As a subtree: sets whether the supervisor's own supervisor may end when this one has ended.
    /// Default: no.
    pub fn significant(mut self, significant: bool) -> Self {
        self.plan.significant = significant;
        self
    }

    /// As a subtree: sets how long the supervisor waits before it is restarted. Default:
    /// [`Backoff::None`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.plan.backoff = backoff;
        self
    }
}

impl<H> SupervisorBuilder<H> {
    /// Starts the children, each after the one before is up. A child that fails before it is up, or
    /// ends and is not to be restarted, fails the start; the tree starts without a child that was
    /// [stopped](crate::Handle::stop) on request.
    ///
    /// A worker is up when it owns its tables and its start hook has succeeded; a subtree is up
    /// when its children are.
    ///
    /// The tree runs on the tokio runtime in which this is called; the runtime's timer must be
    /// enabled. Dropping the future stops the children that have been started.
    ///
    /// # Errors
    /// What had been started is stopped again, in reverse order.
    /// - [`StartError::DuplicateName`], [`StartError::DuplicateRegistration`]: two children have one
    ///   name, or are registered under one.
    /// - [`StartError::NotFilled`]: a [reserved](Self::reserve) child got no arguments.
    /// - [`StartError::SignificantPermanent`], [`StartError::SignificantForNobody`]: a child is
    ///   significant, and cannot be.
    /// - [`StartError::Child`]: this child ended before it was up.
    /// - [`StartError::Stopped`]: the tree was stopped, or gave up, before all children were up.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one whose timer is not enabled.
    pub async fn start(self) -> Result<Supervisor<H>, StartError> {
        let Self { handle, plan, .. } = self.with(());
        let (run, refused) = plan.finish(true);
        if let Some(error) = refused {
            return Err(error);
        }
        // Without a timer this panics here, with tokio's message, and not in every child.
        drop(tokio::time::sleep(Duration::ZERO));
        let shared = Arc::clone(&run.shared);
        let (stop, stopped) = stop_signal();
        shared.set_starting();
        let task = tokio::spawn(root(run, stopped));
        shared.set_task(task.abort_handle());
        // Made before the first await: if this future is dropped, so is the `Supervisor`, and the
        // tree stops.
        Supervisor::new(handle, shared, stop, task).up().await
    }
}

impl Plan {
    /// Notes what is wrong with the declaration, if anything is. The first mistake holds.
    fn refuse(&mut self, error: Option<StartError>) {
        if self.refused.is_none() {
            self.refused = error;
        }
    }

    /// Has the supervisor's shared side know its name and limits.
    fn describe(&mut self) {
        let Limit { restarts, period } = self.limit;
        let of_each = if self.max_given_up.is_some() { " for each key" } else { "" };
        let words = if self.limit.is_none() {
            format!("{}, any number of restarts", self.strategy)
        } else {
            format!("{}, {restarts} restarts in {period:?}{of_each}", self.strategy)
        };
        let for_each_key = self.max_given_up.is_some() && !self.limit.is_none();
        let limits = Limits { words, limit: self.limit, for_each_key };
        self.shared.describe_as(self.label.take(), limits, self.dynamic);
    }

    /// Makes the supervisor; returns with it the first mistake in the declaration, if there is one.
    fn finish(mut self, is_root: bool) -> (Run, Option<StartError>) {
        let rules = SupervisorRules {
            strategy: self.strategy,
            auto_shutdown: self.auto_shutdown,
            dynamic: self.dynamic,
            is_root,
            bound: self.shutdown.filter(|_| is_root),
            limit: self.limit,
            max_given_up: self.max_given_up,
        };
        self.describe();
        self.shared.registry().observe(std::mem::take(&mut self.observers));
        let unfilled = self.shared.children.first_without(|id| self.slots.contains_key(&id));
        self.refuse(unfilled.map(|node| StartError::NotFilled(Arc::clone(node.name()))));
        for slot in self.slots.values() {
            let name = Arc::clone(slot.member.node().name());
            self.refused = self.refused.take().or_else(|| rules.check(&name, slot.member.rules()));
        }
        self.shared.is_planned = false;
        let (shared, slots) = (Arc::clone(&self.shared), std::mem::take(&mut self.slots));
        (Run::new(shared, rules, slots), self.refused.take())
    }

    /// Makes the supervisor as the child of another one.
    fn into_child(self) -> Filled {
        let rules = Rules {
            restart: self.restart,
            shutdown: self.shutdown.unwrap_or_default(),
            significant: self.significant,
            backoff: self.backoff,
        };
        let as_long_as_it_takes = self.shutdown.is_none();
        let (run, refused) = self.finish(false);
        Filled { member: Box::new(SupervisorChild::new(run, rules, as_long_as_it_takes)), refused }
    }
}

impl SupervisorRules {
    /// Returns what is wrong with a child that has these rules, if anything is.
    pub(super) fn check(self, name: &Arc<str>, child: Rules) -> Option<StartError> {
        if !child.significant {
            None
        } else if self.auto_shutdown == AutoShutdown::Never {
            Some(StartError::SignificantForNobody(Arc::clone(name)))
        } else if child.restart == Restart::Permanent {
            Some(StartError::SignificantPermanent(Arc::clone(name)))
        } else {
            None
        }
    }
}

impl<H, A> fmt::Debug for SupervisorBuilder<H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.plan.label.as_ref().unwrap_or(self.plan.shared.label());
        f.debug_struct("SupervisorBuilder").field("name", name).finish_non_exhaustive()
    }
}
