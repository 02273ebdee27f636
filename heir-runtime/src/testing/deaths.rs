//! Deaths at chosen moments.

use std::fmt;
use std::sync::Arc;

use fastrand::Rng;

use crate::util::plan::{How, Plan, When};
use crate::worker::handle::Handle;
use crate::worker::{Handlers, Spec};

/// The deaths that are to befall the workers of a test: when, how, and how many there have been.
///
/// A clone is the same plan. Several workers can share one: then messages and waits are counted
/// over all of them.
///
/// ```
/// use heir_runtime::prelude::*;
/// use heir_runtime::testing::Deaths;
///
/// #[heir]
/// struct Counter { #[table] counts: Table<&'static str, u64> }
///
/// #[handlers]
/// impl Counter {
///     fn count(&mut self) -> u64 {
///         self.counts.add("visits", 1)
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let deaths = Deaths::before_commit(2);
/// let mut tree = Supervisor::builder("test");
/// let counter = tree.worker(deaths.befall(Counter::spec()));
/// let tree = tree.start().await?;
/// assert_eq!(counter.count().await?, 1);
/// assert!(matches!(counter.count().await, Err(CallError::Died { .. })));
/// assert_eq!(counter.count().await?, 2); // the second count was undone
/// assert_eq!((deaths.count(), counter.incarnation()), (1, 2));
/// tree.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "no worker dies of it before it is given to one: see `befall`"]
pub struct Deaths(Arc<Plan>);

impl Deaths {
    fn when(when: When) -> Self {
        Self(Arc::new(Plan::new(when)))
    }

    /// None: it only counts what [`messages`](Self::messages) and [`waits`](Self::waits) there are.
    ///
    /// ```
    /// # use heir_runtime::testing::Deaths;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     async fn count(&mut self) -> u64 { tokio::task::yield_now().await; self.count += 1; self.count }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let deaths = Deaths::never();
    /// let counter = tree.worker(deaths.befall(Counter::spec()));
    /// # let tree = tree.start().await?;
    /// assert_eq!(counter.count().await?, 1);
    /// assert_eq!((deaths.messages(), deaths.waits(), deaths.count()), (1, 1, 0));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn never() -> Self {
        Self::when(When::Never)
    }

    /// One, over the n-th message, before its handler runs. The first message is 1.
    ///
    /// A message that is served again counts again.
    ///
    /// ```
    /// # use heir_runtime::testing::Deaths;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     async fn count(&mut self) -> u64 { tokio::task::yield_now().await; self.count += 1; self.count }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let deaths = Deaths::at_message(2);
    /// let counter = tree.worker(deaths.befall(Counter::spec()));
    /// # let tree = tree.start().await?;
    /// assert_eq!(counter.count().await?, 1);
    /// assert!(counter.count().await.is_err());
    /// assert_eq!(counter.count().await?, 2);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn at_message(n: u64) -> Self {
        Self::when(When::Message(at_least_one(n)))
    }

    /// One, over the n-th message whose handler has come to its end, before it commits: all that
    /// the handler does outside of tables is done, and its writes are undone. The first is 1.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn before_commit(n: u64) -> Self {
        Self::when(When::Commit(at_least_one(n)))
    }

    /// One, at the n-th wait of a handler. The first is 1.
    ///
    /// A handler waits where its future returns [`Poll::Pending`](std::task::Poll::Pending): an
    /// `.await` on what is ready is no wait, and one that is polled in vain is several.
    /// [`at_every_wait`](crate::testing::at_every_wait) tries them all.
    ///
    /// ```
    /// # use heir_runtime::testing::Deaths;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     async fn count(&mut self) -> u64 { tokio::task::yield_now().await; self.count += 1; self.count }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let deaths = Deaths::at_wait(1);
    /// let counter = tree.worker(deaths.befall(Counter::spec()));
    /// # let tree = tree.start().await?;
    /// assert!(counter.count().await.is_err()); // it waits once
    /// assert_eq!(counter.count().await?, 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn at_wait(n: u64) -> Self {
        Self::when(When::Wait(at_least_one(n)))
    }

    /// Many, at random: of all messages, the share `rate` dies, from 0 (none) to 1 (all).
    ///
    /// A third of those die before their handler, a third before their commit, and a third at some
    /// wait of their handler, or before their commit if it waits less often. The same seed gives the
    /// same deaths to the same messages.
    ///
    /// ```
    /// # use heir_runtime::testing::Deaths;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     async fn count(&mut self) -> u64 { tokio::task::yield_now().await; self.count += 1; self.count }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let deaths = Deaths::by_seed(1, 1.0);
    /// let counter = tree.worker(deaths.befall(Counter::spec()));
    /// # let tree = tree.start().await?;
    /// assert!(counter.count().await.is_err()); // of all messages, all die
    /// deaths.end();
    /// assert!(counter.count().await.is_ok());
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `rate` is not between 0 and 1.
    pub fn by_seed(seed: u64, rate: f64) -> Self {
        Self::random(Rng::with_seed(seed), rate)
    }

    pub(super) fn random(random: Rng, rate: f64) -> Self {
        assert!((0.0..=1.0).contains(&rate), "the rate of deaths is a share of all messages, from 0 to 1");
        Self::when(When::Random(random, rate))
    }

    /// From here on, whoever dies of it dies by a panic in the place of its handler. Otherwise it is
    /// killed, as [`Handle::kill`](crate::Handle::kill) does. It holds for all clones.
    ///
    /// The two differ in what they say of the tables. A panic speaks against them if the message was
    /// to be served again ([`Spec::crash_loop`](crate::Spec::crash_loop)), a kill never does.
    ///
    /// ```
    /// # use heir_runtime::testing::Deaths;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter {
    /// #     async fn count(&mut self) -> u64 { tokio::task::yield_now().await; self.count += 1; self.count }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// let deaths = Deaths::at_message(1).by_panic();
    /// let counter = tree.worker(deaths.befall(Counter::spec()));
    /// # let tree = tree.start().await?;
    /// let died = counter.count().await;
    /// assert!(matches!(died, Err(CallError::Died { reason: ExitReason::Panic(_), .. })));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn by_panic(self) -> Self {
        self.0.set_how(How::Panic);
        self
    }

    /// Has them befall the worker of this spec.
    pub fn befall<W: Handlers>(&self, mut spec: Spec<W>) -> Spec<W> {
        spec.deaths = Some(Arc::clone(&self.0));
        spec
    }

    /// Has them befall this worker, from its next message on: one whose spec is not at hand, as in a
    /// tree that [`#[supervisor]`](macro@crate::supervisor) declares. Only the first deaths that a
    /// worker is given count; says whether these are they.
    ///
    /// ```
    /// # use heir_runtime::testing::Deaths;
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers]
    /// # impl Counter { fn add(&mut self, n: u64) -> u64 { self.count += n; self.count } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// let tree = tree.start().await?;
    /// assert!(Deaths::at_message(1).befall_worker(&counter));
    /// assert!(!Deaths::never().befall_worker(&counter)); // it has its deaths
    /// assert!(counter.add(1).await.is_err());
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn befall_worker<W: Handlers>(&self, worker: &Handle<W>) -> bool {
        worker.shared.shared().deaths.set(Arc::clone(&self.0)).is_ok()
    }

    /// How many deaths there have been.
    pub fn count(&self) -> u64 {
        self.0.counts().deaths
    }

    /// How many messages have come to be served.
    pub fn messages(&self) -> u64 {
        self.0.counts().messages
    }

    /// How often handlers have waited.
    pub fn waits(&self) -> u64 {
        self.0.counts().waits
    }

    /// Ends them: nobody dies of them any more, and the counts go on. Call it before you look at the
    /// workers that are left.
    pub fn end(&self) {
        self.0.end();
    }
}

fn at_least_one(n: u64) -> u64 {
    assert!(n > 0, "the first is 1: there is no 0");
    n
}

impl fmt::Debug for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deaths")
            .field("count", &self.count())
            .field("messages", &self.messages())
            .field("waits", &self.waits())
            .finish_non_exhaustive()
    }
}
