//! The context of a handler: the incarnation it runs in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::mailbox::{Caller, CastError, OpenReplies};
use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::table::{Commit, Readers};
use crate::worker::Handlers;
#[cfg(feature = "store")]
use crate::worker::gates::Held;
use crate::worker::handle::WeakHandle;
use crate::worker::outbox::Outbox;
use crate::worker::outgoing::Outgoing;

/// The incarnation that a handler or hook runs in: its number, its handle, its end, and the links,
/// monitors, timers and tasks that live with it (`self()` and the functions on it).
///
/// A handler gets the context by naming it. It is no part of the message.
///
/// ```
/// use heir_runtime::{Context, handlers, heir};
///
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     /// The worker ends when it has counted to 10.
///     fn count(&mut self, cx: &mut Context<Self>) -> u64 {
///         self.count += 1;
///         if self.count == 10 {
///             cx.stop();
///         }
///         self.count
///     }
/// }
/// ```
pub struct Context<W: Handlers> {
    pub(crate) process: Arc<Process>,
    handle: WeakHandle<W>,
    /// The reason for which a handler has asked to end. In a box, because most never ask.
    end: Option<Box<ExitReason>>,
    /// The `rollback` tables as they were before the transaction in progress.
    pub(crate) saved: Option<W::Saved>,
    /// The readers of the worker's recorded tables.
    pub(crate) readers: Readers,
    /// What waits for the commit of the transaction in progress.
    pub(crate) outbox: Outbox,
    /// Whether the message in progress has marked a boundary: then it is not served again.
    pub(crate) has_committed: bool,
}

impl<W: Handlers> Context<W> {
    pub(crate) fn new(process: Arc<Process>, handle: WeakHandle<W>, readers: Readers) -> Self {
        Self {
            process,
            handle,
            end: None,
            saved: None,
            readers,
            outbox: Outbox::default(),
            has_committed: false,
        }
    }

    /// The number of this incarnation. It only grows, so it can serve as a fencing token against
    /// work that an earlier incarnation still has in progress elsewhere.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// # #[heir]
    /// # struct Counter {
    /// #     #[table]
    /// #     counts: Table<String, u64>,
    /// # }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     /// What is written elsewhere has the number with it: there a lower number is refused.
    ///     fn token(&mut self, cx: &mut Context<Self>) -> u64 {
    ///         cx.incarnation()
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// assert_eq!(counter.token().await?, 1);
    /// counter.kill();
    /// assert_eq!(counter.token().await?, 2);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn incarnation(&self) -> u64 {
        self.process.incarnation()
    }

    /// A handle on the worker itself, which does not keep it alive.
    ///
    /// A handler that awaits a call to its own worker would wait for ever: it gets
    /// [`NotSent::ToItself`](crate::NotSent::ToItself).
    pub fn handle(&self) -> &WeakHandle<W> {
        &self.handle
    }

    /// The handle on the worker of this type that is [registered](crate::Spec::registered) under
    /// this name, anywhere in the tree (`whereis/1`).
    pub fn whereis<V: Handlers>(&self, name: &str) -> Option<V::Handle> {
        WeakHandle::<V>::whereis(&self.handle.registry()?, name)
    }

    /// Ends this incarnation with the reason [`Normal`](ExitReason::Normal), once this message has
    /// committed (`{stop, normal, State}`). Its [`Restart`](crate::Restart) type decides whether
    /// another incarnation follows.
    pub fn stop(&mut self) {
        self.stop_with(ExitReason::Normal);
    }

    /// Ends this incarnation with any reason, once this message has committed and the stop hook has
    /// run (`{stop, Reason, State}`; [`ExitReason::shutdown("words")`](ExitReason::shutdown) is
    /// `{shutdown, Words}`).
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// # #[heir(restart = transient)]
    /// # struct Counter {
    /// #     #[table]
    /// #     counts: Table<String, u64>,
    /// # }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn close(&mut self, cx: &mut Context<Self>) {
    ///         cx.stop_with(ExitReason::shutdown("closed for today"));
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// counter.close().await?;
    /// let Stopped::Ended(reason) = counter.wait_stopped().await else { panic!("it was asked to") };
    /// assert_eq!(reason, ExitReason::shutdown("closed for today"));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn stop_with(&mut self, reason: ExitReason) {
        self.end = Some(Box::new(reason));
    }

    /// Ends this incarnation with the reason [`Error`](ExitReason::Error), once this message has
    /// committed.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// # #[heir]
    /// # struct Counter {
    /// #     #[table]
    /// #     counts: Table<String, u64>,
    /// # }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn read(&mut self, cx: &mut Context<Self>, text: String) -> u64 {
    ///         self.counts.add("reads".into(), 1);
    ///         if text.is_empty() {
    ///             cx.fail("nothing to read"); // another incarnation follows; this read counts
    ///         }
    ///         self.counts.get("reads").unwrap_or(0)
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// let down = counter.monitor();
    /// assert_eq!(counter.read("".into()).await?, 1);
    /// assert_eq!(down.await.reason, ExitReason::error("nothing to read"));
    /// assert_eq!(counter.read("two".into()).await?, 2);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn fail(&mut self, error: impl fmt::Display) {
        self.stop_with(ExitReason::error(error));
    }

    /// Marks a message boundary in the middle of a long message: the writes of `worker` to its
    /// recorded and `rollback` tables up to here stay, whatever becomes of the rest. Call it as
    /// `cx.commit(self)`.
    ///
    /// If the worker dies afterwards, its caller may find the part before the boundary done; the
    /// message is not served again, whatever its `#[redeliver]` says.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// # #[heir]
    /// # struct Counter {
    /// #     #[table]
    /// #     counts: Table<String, u64>,
    /// # }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn import(&mut self, cx: &mut Context<Self>, lines: Vec<String>) {
    ///         for line in lines {
    ///             assert!(!line.is_empty(), "an empty line");
    ///             self.counts.add(line, 1);
    ///             cx.commit(self); // a crash loses no line before this one
    ///         }
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// assert!(counter.import(vec!["a".into(), "".into(), "b".into()]).await.is_err());
    /// assert_eq!(counter.counts().get("a"), Some(1));
    /// assert_eq!(counter.counts().get("b"), None);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If the `clone` of a `rollback` table does, or if a recorded table was taken out of its worker
    /// or swapped with another. Then the boundary before holds.
    pub fn commit(&mut self, worker: &mut W) {
        // `save` clones, and may panic: until it is done, the boundary before holds.
        let saved = worker.save();
        worker.commit(Commit::of(&self.readers));
        self.has_committed = true;
        let before = self.saved.replace(saved);
        #[cfg(feature = "store")]
        let before = if W::IS_STORED { self.hold_back(before) } else { before };
        drop(before);
        self.outbox.depart();
        if let Err(message) = self.outbox.finish() {
            panic!("{message}");
        }
    }

    /// Holds back what waits for this boundary, if the store has not kept it yet. Else the tables that
    /// were saved before come back.
    #[cfg(feature = "store")]
    fn hold_back(&mut self, saved: Option<W::Saved>) -> Option<W::Saved> {
        let target = self.handle.target().upgrade();
        let gates = target.as_ref().and_then(|shared| shared.gates.as_ref());
        let Some(gates) = gates.filter(|gates| !gates.are_even()) else { return saved };
        if gates.ledger().failed().is_none() {
            self.outbox.depart_early();
        }
        let (incarnation, outbox) = (self.incarnation(), self.outbox.take_effects());
        gates.hold(Held { incarnation, message: None, outbox, saved });
        None
    }

    /// Sends a message to another worker when the message that is being served has committed: a
    /// cast as it is, or a call whose [answer comes to a handler](crate::by_hand::CallRequest::answer_to). If the
    /// message dies, nothing is sent.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    ///
    /// #[heir]
    /// struct Stock { #[table] items: Table<String, u64> }
    ///
    /// #[handlers]
    /// impl Stock {
    ///     fn take(&mut self, item: String) -> bool {
    ///         let left = self.items.get(&item).unwrap_or(0);
    ///         self.items.insert(item, left.saturating_sub(1));
    ///         left > 0
    ///     }
    ///
    ///     #[cast]
    ///     fn deliver(&mut self, item: String) {
    ///         self.items.add(item, 1);
    ///     }
    /// }
    ///
    /// #[heir]
    /// struct Orders {
    ///     #[table]
    ///     orders: Table<u64, &'static str>,
    ///     #[arg]
    ///     stock: StockHandle,
    /// }
    ///
    /// #[handlers]
    /// impl Orders {
    ///     /// Returns at once; the answer of the stock comes to `taken`.
    ///     async fn place(&mut self, cx: &mut Context<Self>, order: u64, item: String) -> Result<(), BoxError> {
    ///         self.orders.insert(order, "open");
    ///         cx.send(self.stock.take(item).answer_to(order, OrdersMessage::Taken)).await?;
    ///         Ok(())
    ///     }
    ///
    ///     #[cast]
    ///     fn taken(&mut self, order: u64, taken: CallResult<bool>) {
    ///         self.orders.insert(order, if taken.unwrap_or(false) { "packed" } else { "refused" });
    ///     }
    ///
    ///     fn state(&mut self, order: u64) -> Option<&'static str> {
    ///         self.orders.get(&order)
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("shop");
    /// let stock = tree.worker(Stock::spec());
    /// let orders = tree.worker(Orders::spec(stock.clone()));
    /// let tree = tree.start().await?;
    /// stock.deliver("lamp".into()).await?;
    /// orders.place(1, "lamp".into()).await??;
    /// while orders.state(1).await? == Some("open") {
    ///     tokio::task::yield_now().await;
    /// }
    /// assert_eq!(orders.state(1).await?, Some("packed"));
    /// tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// It waits until it has a permit of the target's mailbox, as a cast does; the commit only uses
    /// the permit, and a death gives it back. Only the first message waits: what is sent after it in
    /// the same message (up to a [`commit`](Self::commit)) goes beyond the target's capacity if that
    /// is full, because who waits while it holds permits could wait for ever. Messages to
    /// [itself](Self::own_handle), and answers, need no permit.
    ///
    /// Two workers with full mailboxes that send to each other wait for each other: a handle [with a
    /// timeout](crate::Handle::with_timeout) bounds the wait. So does a handler that awaits a call to
    /// a worker to which it has sent before, if that worker's mailbox is full of what the handler
    /// holds.
    ///
    /// What is sent leaves in the order of sending, before the reply of the message itself. At a
    /// [`commit`](Self::commit) in the middle of a message it leaves there. If the target has stopped
    /// for good meanwhile, the message is refused as those in its mailbox are: a call's handler gets
    /// [`CallError::Stopped`](crate::CallError::Stopped).
    ///
    /// # Errors
    /// [`CastError::NotSent`], with the arguments (and the value for the answer's handler): as for a
    /// cast.
    ///
    /// # Panics
    /// If the call or cast has been polled before.
    ///
    /// # Cancellation
    /// Dropped before it is ready, the future has no effect.
    // In a box, whose type says nothing of the message: so a message that cannot be sent is one error,
    // and not another for each thing that is done with the future.
    pub fn send<'a, U>(
        &'a mut self,
        message: impl Outgoing<W::Message, U> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<(), CastError<U>>> + Send + 'a>> {
        Box::pin(async move {
            let departs = message.prepare(self.handle.clone(), self.outbox.holds_no_permit()).await?;
            self.outbox.hold(departs);
            Ok(())
        })
    }

    /// Runs `f` when the message that is being served has committed: after its writes can be read,
    /// and its reply has left. If the message dies, `f` is dropped.
    ///
    /// Several run in the order of their registration, on the worker's task, before the next
    /// message: they must not block. At a [`commit`](Self::commit) in the middle of a message they
    /// run there. A panic in one of them ends the incarnation, and undoes nothing; the others run.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use heir_runtime::prelude::*;
    /// # #[heir]
    /// # struct Counter {
    /// #     #[table]
    /// #     counts: Table<String, u64>,
    /// # }
    ///
    /// /// A metric.
    /// static SERVED: AtomicU64 = AtomicU64::new(0);
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn count(&mut self, cx: &mut Context<Self>, key: String) {
    ///         cx.after_commit(|| drop(SERVED.fetch_add(1, Ordering::Relaxed)));
    ///         assert_ne!(key, "bug");
    ///         self.counts.add(key, 1);
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// counter.count("hits".into()).await?;
    /// assert!(counter.count("bug".into()).await.is_err());
    /// # counter.stop().await;
    /// assert_eq!(SERVED.load(Ordering::Relaxed), 1); // the message that died does not count
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn after_commit(&mut self, f: impl FnOnce() + Send + 'static) {
        self.outbox.after_commit(Box::new(f));
    }

    /// The worker's own handle, to [send](Self::send) to itself. Do not keep it in a table or an
    /// attachment, which it would keep alive: [`handle`](Self::handle) is for that.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// # #[heir]
    /// # struct Counter {
    /// #     #[table]
    /// #     counts: Table<String, u64>,
    /// # }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     /// Counts down, a message at a time, so that other messages come in between.
    ///     #[cast]
    ///     async fn count_down(&mut self, cx: &mut Context<Self>, from: u64) {
    ///         self.counts.add("steps".into(), 1);
    ///         if from > 1 {
    ///             let _ = cx.send(cx.own_handle().count_down(from - 1)).await;
    ///         }
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// counter.count_down(3).await?;
    /// while counter.counts().get("steps") != Some(3) {
    ///     tokio::task::yield_now().await;
    /// }
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "a context is there only while its worker is")]
    pub fn own_handle(&self) -> W::Handle {
        self.handle.upgrade().expect("a context belongs to a worker that is there")
    }

    /// The open replies of the worker.
    pub(super) fn open_replies(&self) -> Arc<OpenReplies> {
        self.handle.open_replies()
    }

    /// The call in progress, in the place of its caller, if somebody watches it.
    pub(super) fn watched_call(&self) -> Option<Arc<dyn Caller>> {
        if self.outbox.is_empty() { None } else { self.handle.watched_call() }
    }

    /// The reason for which a handler or hook has asked to end.
    #[cfg(feature = "testing")]
    pub(crate) fn ends_with(&self) -> Option<&ExitReason> {
        self.end.as_deref()
    }

    /// Takes the reason for which a handler or hook has asked to end.
    pub(crate) fn asked_to_end(&mut self) -> Option<ExitReason> {
        self.end.take().map(|reason| *reason)
    }
}

impl<W: Handlers> fmt::Debug for Context<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("incarnation", &self.incarnation()).finish_non_exhaustive()
    }
}
