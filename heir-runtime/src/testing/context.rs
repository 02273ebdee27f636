//! A context without a tree, for handlers that are called as what they are: methods.

use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use tokio::task::unconstrained;

use crate::mailbox::{Call, CallResult, Heard, Message, Reply, ReplyGate};
use crate::process::exit::{BoxError, ExitReason};
use crate::process::status::Stopped;
use crate::table::{Commit, Recorded};
use crate::tree::parent::{ChildId, ParentLink, ParentRef, ParentRequest};
use crate::tree::registry::Registry;
use crate::util::reply::ReplyReceiver;
use crate::worker::handle::WeakHandle;
use crate::worker::shared::Shared;
use crate::worker::{Context, Handlers, Spec, heard, tables};

/// A context without a tree: for tests that call a handler as the method that it is.
///
/// It dereferences to the [`Context`] that a handler takes, so `&mut cx` is one. No supervisor, no
/// manager and no task is behind it. The test says when a message commits
/// ([`commit`](Context::commit)), or dies ([`abandon`](Self::abandon)).
///
/// ```
/// use heir_runtime::prelude::*;
/// use heir_runtime::testing::TestContext;
///
/// #[heir]
/// struct Orders {
///     #[table]
///     orders: Table<u64, &'static str>,
///     #[arg]
///     limit: u64,
/// }
///
/// #[handlers]
/// impl Orders {
///     async fn place(&mut self, cx: &mut Context<Self>, order: u64) -> Result<(), BoxError> {
///         self.orders.insert(order, "open");
///         cx.send(cx.own_handle().pack(order)).await?;
///         if order == self.limit {
///             cx.stop();
///         }
///         Ok(())
///     }
///
///     #[cast]
///     fn pack(&mut self, order: u64) {
///         self.orders.insert(order, "packed");
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut cx = TestContext::new(Orders::spec(2));
/// let mut orders = cx.worker().await?;
///
/// orders.place(&mut cx, 1).await?;
/// assert_eq!((cx.held(), cx.ends_with()), (1, None));
/// cx.commit(&mut orders); // here `pack` is sent
/// let Some(OrdersMessage::Pack(mut pack)) = cx.received() else { panic!("nothing was sent") };
/// assert_eq!(pack.take_args(), (1,));
///
/// orders.place(&mut cx, 2).await?;
/// assert_eq!(cx.ends_with(), Some(&ExitReason::Normal));
/// let orders = cx.abandon(orders); // the second message has died
/// assert!(cx.received().is_none());
/// assert_eq!((orders.orders.len(), cx.incarnation()), (1, 2));
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
///
/// A call to another worker needs that worker: start a tree with it, or give the handler the
/// [`own_handle`](Context::own_handle) of that worker's own `TestContext`, and have it
/// [`serve`](Self::serve). A handler that awaits a call to its own worker waits for ever here: nobody
/// knows whose task it is in, so it is not refused. What a handler attaches or spawns needs a tokio runtime, and ends with
/// the context.
pub struct TestContext<W: Handlers> {
    // Before what it belongs to.
    cx: Context<W>,
    shared: Arc<Shared<W>>,
    args: W::Args,
}

/// The supervisor of nobody.
struct Nobody;

impl ParentLink for Nobody {
    fn ask(&self, _id: ChildId, _what: ParentRequest) {}

    fn manager_ended(&self, _id: ChildId, _life: u64, _reason: ExitReason) {}
}

impl<W: Handlers> TestContext<W> {
    /// That of the first incarnation of this spec's worker.
    pub fn new(spec: Spec<W>) -> Self {
        let parent = ParentRef { id: 0, parent: Arc::new(Nobody) };
        let settings = Arc::new(spec.settings);
        let shared = Arc::new(Shared::new(&spec, settings, None, parent, Registry::new(Arc::from("tree"))));
        #[cfg(feature = "store")]
        shared.stand_behind_gates();
        Self { cx: begin(&shared, 1), shared, args: spec.args }
    }

    /// The worker, as its first incarnation is: its tables are created, with their `init`, and the
    /// rest is made of the arguments of the spec. No hook runs.
    ///
    /// # Errors
    /// Those of an `init` that ends with `?`.
    ///
    /// # Panics
    /// If the code that makes the fields does.
    pub async fn worker(&mut self) -> Result<W, BoxError> {
        let mut created = W::create(self.args.clone(), self.cx.readers.clone()).await?;
        tables::commit::<W>(&self.cx.readers, &mut created);
        let worker = W::incarnate(self.args.clone())(created);
        self.begin(&worker);
        Ok(worker)
    }

    /// An empty recorded table, for a worker that the test puts together by hand: the table of the
    /// field at this place among the recorded ones (`#[table]`), of which the first is 0.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::testing::TestContext;
    ///
    /// #[heir]
    /// struct Counter {
    ///     #[table]
    ///     counts: Table<String, u64>,
    ///     #[table(rollback)]
    ///     last: Option<String>,
    /// }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn count(&mut self, key: String) -> u64 {
    ///         self.last = Some(key.clone());
    ///         self.counts.add(key, 1)
    ///     }
    /// }
    ///
    /// let mut cx = TestContext::new(Counter::spec());
    /// let mut counter = Counter { counts: cx.table(0), last: None };
    /// cx.begin(&counter); // from here on, `last` can be undone
    /// assert_eq!(counter.count("a".into()), 1);
    /// let mut counter = cx.abandon(counter);
    /// assert_eq!(counter.last, None);
    /// assert_eq!(counter.count("a".into()), 1);
    /// cx.commit(&mut counter);
    /// ```
    ///
    /// # Panics
    /// If the table at this place is of another type, or there is none.
    pub fn table<T: Recorded>(&self, place: usize) -> T {
        self.cx.readers.open(place)
    }

    /// A message begins: notes the `rollback` tables of the worker, for
    /// [`abandon`](Self::abandon). [`worker`](Self::worker), [`commit`](Context::commit) and
    /// `abandon` do so, too.
    ///
    /// # Panics
    /// If the `clone` of a `rollback` table does.
    pub fn begin(&mut self, worker: &W) {
        self.cx.saved = Some(worker.save());
    }

    /// The worker dies over the message: returns what the next incarnation is. Writes to recorded
    /// and `rollback` tables are undone, `keep` tables stay as they are, all other fields are made
    /// anew of the arguments, and what waited for the commit is dropped. The context is that of the
    /// next incarnation.
    ///
    /// # Panics
    /// If a destructor does, or the code that makes the fields; and if the tables cannot be undone.
    pub fn abandon(&mut self, worker: W) -> W {
        let mut outbox = std::mem::take(&mut self.cx.outbox);
        outbox.give_permits_back();
        let mut saved = self.cx.saved.take();
        let (mut tables, rest) = worker.dismantle();
        end(&self.cx, ExitReason::Killed);
        drop(rest);
        let undone = tables::discard::<W>(&self.cx.readers, &mut tables);
        if let Some(saved) = &mut saved {
            W::restore(&mut tables, saved);
        }
        drop(saved);
        if let Err(words) = undone.and(outbox.discard()) {
            panic!("{words}");
        }
        self.cx = begin(&self.shared, self.cx.incarnation() + 1);
        let worker = W::incarnate(self.args.clone())(tables);
        self.begin(&worker);
        worker
    }

    /// How many things wait for the commit: messages that were sent, also with a delay, and replies.
    pub fn held(&self) -> usize {
        self.cx.outbox.held()
    }

    /// How many closures are to run [after the commit](Context::after_commit).
    pub fn after_commits(&self) -> usize {
        self.cx.outbox.after_commits()
    }

    /// The reason for which the handler has asked to end ([`stop`](Context::stop),
    /// [`fail`](Context::fail)), if it has. It stays until the next incarnation.
    pub fn ends_with(&self) -> Option<&ExitReason> {
        self.cx.ends_with()
    }

    /// Takes the first message out of the worker's own mailbox: what has been sent to
    /// [`own_handle`](Context::own_handle), by its handlers or by anybody. `None` if it is empty.
    ///
    /// The caller of a call that is dropped is told that nobody replied.
    pub fn received(&mut self) -> Option<W::Message> {
        let (mailbox, incarnation) = (&self.shared.mailbox, self.cx.incarnation());
        // The mailbox counts as busy until it is asked for the next message.
        mailbox.served();
        let next = pin!(unconstrained(poll_fn(|cx| mailbox.poll_next(incarnation, cx))));
        match next.poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => Some(message),
            Poll::Pending => None,
        }
    }

    /// Serves the first message of the worker's own mailbox, commits it, and sends its reply. `false`
    /// if the mailbox is empty.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::testing::TestContext;
    ///
    /// #[heir]
    /// struct Stock { #[table] items: Table<u32, u32> }
    ///
    /// #[handlers]
    /// impl Stock {
    ///     fn put(&mut self, item: u32) -> u32 {
    ///         self.items.add(item, 1)
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut cx = TestContext::new(Stock::spec());
    /// let mut stock = cx.worker().await?;
    /// let handle = cx.own_handle();
    /// let (put, served) = tokio::join!(handle.put(7), cx.serve(&mut stock));
    /// assert_eq!((put?, served), (1, true));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If the handler does.
    pub async fn serve(&mut self, worker: &mut W) -> bool {
        let Some(mut message) = self.received() else { return false };
        worker.handle(&mut message, &mut self.cx).await;
        worker.commit(Commit::of(&self.cx.readers));
        self.begin(worker);
        self.cx.outbox.depart();
        message.gate().open();
        drop(message);
        if let Err(words) = self.cx.outbox.finish() {
            panic!("{words}");
        }
        true
    }

    /// A reply, for a handler that takes one, and what its caller hears.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::testing::TestContext;
    ///
    /// #[heir]
    /// struct Door { #[table(keep)] waiting: Vec<Reply<&'static str>> }
    ///
    /// #[handlers]
    /// impl Door {
    ///     fn wait(&mut self, reply: Reply<&'static str>) {
    ///         self.waiting.push(reply);
    ///     }
    ///
    ///     #[cast]
    ///     fn open(&mut self, cx: &mut Context<Self>) {
    ///         for reply in self.waiting.drain(..) {
    ///             reply.send(cx, "come in");
    ///         }
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut cx = TestContext::new(Door::spec());
    /// let mut door = cx.worker().await?;
    /// let (reply, mut answer) = cx.reply();
    /// door.wait(reply);
    /// door.open(&mut cx);
    /// assert!(answer.now().is_none());
    /// cx.commit(&mut door);
    /// assert_eq!(answer.now().unwrap()?, "come in");
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn reply<T: Send + 'static>(&self) -> (Reply<T>, Answer<T>) {
        let (mut call, receiver) = Call::<(), T>::new(().into(), Waker::noop().clone());
        let reply = call.reply_later(&self.cx);
        call.open();
        (reply, Answer(receiver))
    }
}

/// The context of an incarnation that serves.
fn begin<W: Handlers>(shared: &Arc<Shared<W>>, incarnation: u64) -> Context<W> {
    let process = shared.begin(incarnation);
    shared.lifecycle.serving(incarnation);
    Context::new(process, WeakHandle::new(Arc::<Shared<W>>::downgrade(shared)), shared.readers())
}

/// Ends the incarnation of a context: its tasks are aborted, and its links are told.
fn end<W: Handlers>(cx: &Context<W>, reason: ExitReason) {
    cx.process.ending(Some(reason));
    cx.process.ended(None);
}

impl<W: Handlers> Deref for TestContext<W> {
    type Target = Context<W>;

    fn deref(&self) -> &Context<W> {
        &self.cx
    }
}

impl<W: Handlers> DerefMut for TestContext<W> {
    fn deref_mut(&mut self) -> &mut Context<W> {
        &mut self.cx
    }
}

/// Ends the incarnation, and stops the worker for good: senders are told.
impl<W: Handlers> Drop for TestContext<W> {
    fn drop(&mut self) {
        end(&self.cx, ExitReason::Normal);
        self.shared.retire(&Stopped::Dropped);
    }
}

impl<W: Handlers> fmt::Debug for TestContext<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext")
            .field("incarnation", &self.incarnation())
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

/// What the caller of a [`TestContext::reply`] hears.
pub struct Answer<T>(ReplyReceiver<Heard<T>>);

impl<T> Answer<T> {
    /// What the caller has been told: `None` as long as it waits. The answer is taken out: afterwards
    /// it is [`CallError::Unanswered`](crate::CallError::Unanswered).
    pub fn now(&mut self) -> Option<CallResult<T>> {
        match Pin::new(&mut self.0).poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(heard(answer)),
            Poll::Pending => None,
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
