//! The handle of a supervisor: looks at its children, and manages them while it runs.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use crate::process::status::Stopped;
use crate::supervisor::child::spec::sealed::Reserve;
use crate::supervisor::child::spec::{Attached, ChildSpec};
use crate::supervisor::child::worker::WorkerChild;
use crate::supervisor::child::{Node, Wanted};
use crate::supervisor::health::Health;
use crate::supervisor::report::{ChildError, StartError};
use crate::supervisor::run::requests::{Addition, Command, Requests};
use crate::supervisor::shared::SupervisorShared;
use crate::supervisor::tree::{Page, SubtreeStatus, Tree, TreeCounts, TreeNode, View};
use crate::tree::events::Role;
use crate::tree::parent::{ChildId, ParentRef};
use crate::tree::subscription::EventStream;
use crate::util::race::{Either, race};
use crate::util::reply::{ReplyReceiver, reply};
use crate::worker::Handlers;
use crate::worker::Spec;
use crate::worker::TakesOver;
use crate::worker::Worker;
use crate::worker::handle::{Handle, WeakHandle};
use crate::worker::shared::Shared;

/// A handle of a supervisor, which looks at its children and manages them while it runs.
///
/// It stays valid when the supervisor is restarted. Clones are cheap, and do not keep the
/// supervisor running. Children are addressed by name.
///
/// A request to a supervisor that is down waits until it is restarted. If the supervisor was
/// terminated, the request waits until it is restarted on request, or deleted.
#[derive(Clone)]
pub struct SupervisorHandle {
    shared: Arc<SupervisorShared>,
}

/// How many children a supervisor has (`supervisor:count_children/1`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ChildCounts {
    /// All children that the supervisor knows, with those that were terminated, or that have ended
    /// and were not deleted.
    pub specs: usize,
    /// The children that run, or are about to be restarted.
    pub active: usize,
    /// The supervisors among all children.
    pub supervisors: usize,
    /// The workers among all children; managers do not count.
    pub workers: usize,
}

/// A child whose start has been requested.
pub(super) struct Adding<H> {
    pub(super) handle: H,
    node: Arc<dyn Node>,
    refusal: ReplyReceiver<Result<(), StartError>>,
}

impl SupervisorHandle {
    pub(super) fn new(shared: Arc<SupervisorShared>) -> Self {
        Self { shared }
    }

    pub(super) fn shared(&self) -> &Arc<SupervisorShared> {
        &self.shared
    }

    /// Returns the name of the supervisor.
    pub fn name(&self) -> &str {
        self.shared.label()
    }

    /// Returns what the supervisor does at the moment.
    pub fn status(&self) -> SubtreeStatus {
        self.shared.status()
    }

    /// Returns a picture of the tree from this supervisor down: what each worker does, what it has in
    /// its tables and its mailbox, and who owns the tables. Its `Display` draws it, and so do
    /// [`to_mermaid`](Tree::to_mermaid) and [`to_dot`](Tree::to_dot).
    ///
    /// It asks no task, and may be called from any thread, also while workers block all threads of
    /// the runtime. It takes time and memory for each worker: of a supervisor with very many,
    /// [`tree_up_to`](Self::tree_up_to) lists the first, [`page`](Self::page) some, and
    /// [`counts`](Self::counts) none.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// use heir_runtime::supervision::TreeNode;
    ///
    /// counter.count("hits".into()).await?;
    /// let picture = tree.tree();
    /// let TreeNode::Worker(worker) = &picture.children[0] else { panic!("a worker") };
    /// assert_eq!((worker.path.as_str(), worker.incarnation, worker.queued), ("app/Counter", Some(1), 0));
    /// assert_eq!((worker.tables[0].name, worker.tables[0].rows), ("counts", 1));
    ///
    /// let drawn = picture.to_string();
    /// assert!(drawn.starts_with("app (one_for_one, 10 restarts in 10s)"));
    /// assert!(drawn.contains("Counter worker: incarnation 1 serving, 0 queued, 1 row"));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn tree(&self) -> Tree {
        self.tree_up_to(usize::MAX)
    }

    /// Returns a picture of the tree as [`tree`](Self::tree) does, with no more than the first
    /// `children` of each supervisor. The others, and what is below them, are
    /// [counted](Tree::left_out).
    ///
    /// It takes memory only for the children that are listed, and time for all: about as long for
    /// those that are not listed as [`counts`](Self::counts).
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let many = Dynamic::<u64, Counter>::spec().name("many").start().await?;
    /// for user in 0..100 {
    ///     many.start(user, Counter::spec()).await?;
    /// }
    /// let tree = many.supervisor().tree_up_to(20);
    /// let left_out = tree.left_out.as_ref().ok_or("all are listed")?;
    /// assert_eq!((tree.children.len(), left_out.children, left_out.counts.workers()), (20, 80, 80));
    /// assert!(tree.to_string().ends_with("└── and 80 more"));
    /// # many.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn tree_up_to(&self, children: usize) -> Tree {
        self.shared.picture(View { above: None, listed: children })
    }

    /// Returns some children of the supervisor that is at this path: at most `at_most`, from the
    /// position `from` on, and [where the next page begins](Page::next). The first page begins at 0.
    ///
    /// A path is as in [`tree`](Self::tree): it begins with the name of this supervisor. `None` if
    /// there is no supervisor at this path.
    ///
    /// Children may come and go between two pages. Those that are there all the while come exactly
    /// once, in the order in which they are started; one that has come since comes on the last page.
    ///
    /// A page takes time and memory for the children on it, however many there are beside them. A
    /// supervisor on it lists no children, and [counts](Tree::left_out) them, which takes as long as
    /// [`counts`](Self::counts).
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let many = Dynamic::<u64, Counter>::spec().name("many").start().await?;
    /// for user in 0..100 {
    ///     many.start(user, Counter::spec()).await?;
    /// }
    /// let (tree, mut from, mut names) = (many.supervisor(), Some(0), Vec::new());
    /// while let Some(position) = from {
    ///     let page = tree.page("many", position, 30).ok_or("no such supervisor")?;
    ///     names.extend(page.children.iter().map(|child| child.name().to_owned()));
    ///     from = page.next;
    /// }
    /// assert_eq!((names.len(), names[99].as_str()), (100, "Counter[99]"));
    /// assert!(tree.page("few", 0, 30).is_none());
    /// # many.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn page(&self, path: &str, from: u64, at_most: usize) -> Option<Page> {
        let below = path.strip_prefix(self.name())?;
        let below = if below.is_empty() { None } else { Some(below.strip_prefix('/')?) };
        self.shared.page_of(below, Wanted { path, from, at_most })
    }

    /// Counts the workers and supervisors from this supervisor down, with itself: by kind and status,
    /// with sums of rows, queued messages, open replies and quarantined tables.
    ///
    /// It asks no task, and may be called from any thread. It takes time for each worker, about a
    /// microsecond, and memory for each kind of workers: of 100,000 workers it can be asked every few
    /// seconds.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let many = Dynamic::<u64, Counter>::spec().name("many").start().await?;
    /// for user in 0..100 {
    ///     many.start(user, Counter::spec()).await?;
    /// }
    /// many.get(&7).ok_or("no user 7")?.count("hits".into()).await?;
    /// let counts = many.supervisor().counts();
    /// let counters = counts.kind("Counter").ok_or("no counters")?;
    /// assert_eq!((counters.workers, counters.statuses.serving, counters.rows), (100, 100, 1));
    /// assert_eq!(counts.to_string(), "supervisors: 1 running\nCounter: 100 serving; 0 queued, 1 row");
    /// # many.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn counts(&self) -> TreeCounts {
        let mut counts = TreeCounts::default();
        self.shared.count_into(&mut counts);
        counts
    }

    /// Returns a stream of the events of this supervisor and all below it, from here on.
    ///
    /// The stream keeps `capacity` events (at least one) that nobody has taken out. With one more, the
    /// oldest is dropped, and the stream says so in its place: a slow subscriber never keeps the tree
    /// waiting. Nothing is kept for a stream that was dropped.
    ///
    /// [`SupervisorBuilder::subscribe`](crate::SupervisorBuilder::subscribe) has an example.
    pub fn subscribe(&self, capacity: usize) -> EventStream {
        self.shared.registry().subscribe(capacity)
    }

    /// Returns whether the tree from this supervisor down is ready and alive, and what is not well
    /// in it: for the probes of what runs the program (Kubernetes, systemd, a load balancer).
    ///
    /// It is cheap: it looks at each worker's status, and asks no task. It may be called from any
    /// thread. If a thread of its own answers the probes, they are answered even if workers block
    /// all threads of the runtime; a [heartbeat](Spec::heartbeat) tells which.
    ///
    /// ```
    /// use std::io::{self, BufRead, BufReader, Write};
    /// use std::net::{TcpListener, TcpStream};
    /// use std::thread;
    ///
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::supervision::Problem;
    /// # #[heir] struct Stock { #[table(keep)] left: u64 }
    /// # #[handlers] impl Stock {}
    /// # #[supervisor] struct App { stock: Stock }
    ///
    /// /// Answers `GET /ready` and `GET /alive`, with the reasons.
    /// fn answer(tree: &SupervisorHandle, mut client: TcpStream) -> io::Result<()> {
    ///     let mut request = BufReader::new(&client).lines();
    ///     let wanted = request.next().transpose()?.unwrap_or_default();
    ///     for header in request {
    ///         if header?.is_empty() {
    ///             break;
    ///         }
    ///     }
    ///     let health = tree.health();
    ///     let is_well = if wanted.starts_with("GET /alive") { health.alive } else { health.ready };
    ///     let status = if is_well { "200 OK" } else { "503 Service Unavailable" };
    ///     let quoted = |problem: &Problem| format!("{:?}", problem.to_string());
    ///     let problems: Vec<_> = health.problems.iter().map(quoted).collect();
    ///     let body = format!(
    ///         r#"{{"ready":{},"alive":{},"problems":[{}],"more":{}}}"#,
    ///         health.ready, health.alive, problems.join(","), health.more,
    ///     );
    ///     let length = body.len();
    ///     write!(client, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let app = App::start().await?;
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let port = listener.local_addr()?.port();
    /// let tree = SupervisorHandle::clone(&app);
    /// thread::spawn(move || {
    ///     for client in listener.incoming().flatten() {
    ///         let _ = answer(&tree, client);
    ///     }
    /// });
    ///
    /// // Only to show it: a probe does this.
    /// let ask = |path: &str| -> io::Result<String> {
    ///     let mut probe = TcpStream::connect(("127.0.0.1", port))?;
    ///     probe.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes())?;
    ///     io::read_to_string(probe)
    /// };
    /// assert!(ask("/ready")?.ends_with(r#"{"ready":true,"alive":true,"problems":[],"more":0}"#));
    /// app.terminate_child("stock").await?;
    /// assert!(ask("/ready")?.starts_with("HTTP/1.1 503"));
    /// assert!(ask("/alive")?.starts_with("HTTP/1.1 200"));
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Returns the children, in the order in which they are started
    /// (`supervisor:which_children/1`).
    pub fn which_children(&self) -> Vec<TreeNode> {
        self.tree().children
    }

    /// Counts the children (`supervisor:count_children/1`); [`counts`](Self::counts) tells more of them,
    /// and of all below them.
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
    /// assert_eq!(tree.count_children().workers, 1);
    /// assert_eq!(tree.which_children()[0].name(), "Counter");
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn count_children(&self) -> ChildCounts {
        let mut counts = ChildCounts::default();
        self.shared.children.each_from(ChildId::MIN, |_, child| {
            counts.specs += 1;
            counts.active += usize::from(child.is_active());
            match child.role() {
                Role::Supervisor => counts.supervisors += 1,
                Role::Worker | Role::Manager => counts.workers += 1,
            }
            true
        });
        counts
    }

    /// Starts one more child, as the last one, and waits until it is up
    /// (`supervisor:start_child/2`).
    ///
    /// Once the future has been polled, dropping it does not take the request back: the child is
    /// started all the same, and its handle is lost.
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
    /// # use heir_runtime::StartError;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// let other = tree.start_child(Counter::spec().name("other")).await?;
    /// assert_eq!(other.count("hits".into()).await?, 1);
    /// let twice = tree.start_child(Counter::spec().name("other")).await;
    /// assert!(matches!(twice, Err(StartError::DuplicateName(_))));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The child is then gone.
    /// - [`StartError::DuplicateName`]: another child has the name, even one that has ended and was
    ///   not [deleted](Self::delete_child).
    /// - [`StartError::DuplicateRegistration`]: another worker of the tree is registered under the
    ///   name of this one, or of one below it.
    /// - [`StartError::NotFilled`]: the child is a tree, in which a reserved child got no arguments.
    /// - [`StartError::SignificantPermanent`], [`StartError::SignificantForNobody`]: the child is
    ///   significant, and cannot be.
    /// - [`StartError::Child`]: it ended before it was up.
    /// - [`StartError::Stopped`]: the supervisor, or the child, was stopped meanwhile.
    pub async fn start_child<S: ChildSpec>(&self, spec: S) -> Result<S::Handle, StartError> {
        let (plan, args) = spec.split();
        let reserved = plan.reserve(&self.shared);
        self.add(reserved.attach(args)).await
    }

    /// Adds a child that has an id in this supervisor.
    pub(super) async fn add<H>(&self, attached: Attached<H>) -> Result<H, StartError> {
        if let Some(error) = attached.refused {
            return Err(error);
        }
        let (addition, adding) = Self::addition(attached);
        let _ = self.send(Command::Add(addition));
        self.added(adding).await
    }

    /// The request to add a child that has an id in this supervisor, and what waits for its start.
    pub(super) fn addition<H>(attached: Attached<H>) -> (Addition, Adding<H>) {
        let Attached { id, member, handle, refused: _ } = attached;
        let node = member.node();
        let (told, refusal) = reply(Waker::noop().clone());
        (Addition { id, member, told }, Adding { handle, node, refusal })
    }

    /// Waits until the child whose start was requested is up, or has failed to start.
    pub(super) async fn added<H>(
        &self,
        Adding { handle, node, refusal }: Adding<H>,
    ) -> Result<H, StartError> {
        match race(refusal, node.up()).await {
            Either::Left(Some(Err(error))) => Err(error),
            // The child may have been up, and be down again by now.
            Either::Left(Some(Ok(()))) | Either::Right(()) => Ok(handle),
            // The request was not served: the supervisor is gone for good, or about to be.
            Either::Left(None) => Err(StartError::Stopped(self.wait_stopped().await)),
        }
    }

    /// Stops a child within its shutdown timeout, and waits until it is down
    /// (`supervisor:terminate_child/2`).
    ///
    /// The child can be [started again](Self::restart_child): its tables and the messages in its
    /// mailbox wait for that. A worker that was given up (see
    /// [`max_given_up`](crate::SupervisorBuilder::max_given_up)) is down already, and stays given up. As in OTP, a restart of its siblings together with it (`one_for_all`,
    /// `rest_for_one`) starts it, too. A temporary child is removed instead.
    ///
    /// To stop a worker for good, use its [handle](crate::Handle::stop). Once the future has been
    /// polled, dropping it does not take the request back: the child is terminated all the same.
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
    /// use heir_runtime::supervision::ChildError;
    ///
    /// counter.count("hits".into()).await?;
    /// tree.terminate_child("Counter").await?;
    /// assert_eq!(counter.status(), Status::Terminated);
    /// tree.restart_child("Counter").await?;
    /// assert_eq!(counter.count("hits".into()).await?, 2); // the same tables
    ///
    /// assert_eq!(tree.delete_child("Counter").await, Err(ChildError::Running));
    /// tree.terminate_child("Counter").await?;
    /// tree.delete_child("Counter").await?;
    /// assert!(matches!(tree.restart_child("Counter").await, Err(ChildError::NotFound(_))));
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`ChildError::NotFound`]: there is no child of this name.
    /// - [`ChildError::Ended`]: the child has ended for good.
    /// - [`ChildError::Gone`]: the supervisor is gone.
    pub async fn terminate_child(&self, name: &str) -> Result<(), ChildError> {
        let (id, node) = self.find(name)?;
        let (told, down) = reply(Waker::noop().clone());
        self.send(Command::Terminate(id, told))?;
        match down.await {
            Some(()) => Ok(()),
            None if node.is_stopped() => Err(ChildError::Ended),
            None => Err(ChildError::Gone),
        }
    }

    /// Starts a child again that was [terminated](Self::terminate_child), or given up by a
    /// [`Dynamic`](crate::Dynamic), and waits until it is up (`supervisor:restart_child/2`). Its
    /// handles, its tables and the messages in its mailbox stay the same. Its restarts so far do not
    /// count any more.
    ///
    /// If the supervisor itself was terminated, this waits until the supervisor is restarted. That
    /// restarts its children, too, so the result is mostly [`Running`](ChildError::Running).
    ///
    /// Once the future has been polled, dropping it does not take the request back: the child is
    /// started all the same. [`terminate_child`](Self::terminate_child) has an example.
    ///
    /// # Errors
    /// - [`ChildError::NotFound`]: there is no child of this name.
    /// - [`ChildError::Running`]: the child runs, or is about to be restarted.
    /// - [`ChildError::Ended`]: the child has ended for good.
    /// - [`ChildError::Ending`]: the child, or the supervisor, is being stopped at the moment.
    /// - [`ChildError::NotStarted`]: the child was started, and ended before it was up; it is
    ///   terminated, as before.
    /// - [`ChildError::Gone`]: the supervisor is gone.
    pub async fn restart_child(&self, name: &str) -> Result<(), ChildError> {
        let (id, _) = self.find(name)?;
        self.restart(id).await
    }

    /// Starts the child with this id again.
    pub(super) async fn restart(&self, id: ChildId) -> Result<(), ChildError> {
        let node = self.shared.children.get(id).filter(|node| !node.is_stopped());
        let node = node.ok_or(ChildError::Ended)?;
        let (told, begun) = reply(Waker::noop().clone());
        self.send(Command::Restart(id, told))?;
        let outcome = begun.await.unwrap_or(Err(ChildError::Gone))?;
        // Only once the start has begun: before that the child may still be up from its last start.
        match race(outcome, node.up()).await {
            Either::Left(Some(answer)) => answer,
            Either::Right(()) => Ok(()),
            Either::Left(None) => Err(ChildError::Gone),
        }
    }

    /// Removes a child that was [terminated](Self::terminate_child), was given up or has ended
    /// (`supervisor:delete_child/2`).
    ///
    /// Callers that wait for its workers are told that they have stopped, the workers' tables can
    /// be claimed, and the child's name is free. Once the future has been polled, dropping it does
    /// not take the request back. [`terminate_child`](Self::terminate_child) has an example.
    ///
    /// # Errors
    /// - [`ChildError::NotFound`]: there is no child of this name.
    /// - [`ChildError::Running`]: the child was not terminated, or is not down yet.
    /// - [`ChildError::Gone`]: the supervisor is gone.
    pub async fn delete_child(&self, name: &str) -> Result<(), ChildError> {
        let (id, _) = self.find(name)?;
        self.delete(id).await
    }

    /// Removes the child with this id.
    pub(super) async fn delete(&self, id: ChildId) -> Result<(), ChildError> {
        let (told, answer) = reply(Waker::noop().clone());
        self.send(Command::Delete(id, told))?;
        answer.await.unwrap_or(Err(ChildError::Gone))
    }

    /// Replaces a worker by a worker of another type, which gets its tables, its place and its name
    /// (OTP, `code_change`, `sys:change_code/4`): the code is upgraded, and the state lives on.
    /// Both types have the same tables.
    ///
    /// The old worker finishes its message and runs its stop hook. Callers in its queue, and
    /// callers that use its handle from then on, get [`Stopped::Upgraded`]. Readers of its recorded
    /// tables go on reading. The new worker's verify hook sees the tables first. After that the new
    /// worker is a child like any other: if it fails to start, it is restarted as its spec says.
    ///
    /// Returns when the old worker is down. Once the future has been polled, dropping it does not
    /// take the request back: the new worker takes its place all the same, and its handle is lost.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    ///
    /// #[heir]
    /// struct Counter {
    ///     #[table(keep)]
    ///     count: u64,
    /// }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn add(&mut self) -> u64 {
    ///         self.count += 1;
    ///         self.count
    ///     }
    /// }
    ///
    /// /// Counts in steps of ten, in the same table.
    /// #[heir(tables = CounterTables)]
    /// struct Faster {
    ///     #[table(keep)]
    ///     count: u64,
    /// }
    ///
    /// #[handlers]
    /// impl Faster {
    ///     fn add(&mut self) -> u64 {
    ///         self.count += 10;
    ///         self.count
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # let counter = tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// assert_eq!(counter.add().await?, 1);
    /// let faster = tree.upgrade_child(&counter, Faster::spec()).await?;
    /// assert_eq!(faster.add().await?, 11);
    /// assert_eq!(counter.wait_stopped().await, Stopped::Upgraded);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`ChildError::NotFound`]: `worker` is not a child of this very supervisor.
    /// - [`ChildError::Ended`]: `worker` has ended for good.
    /// - [`ChildError::Ending`]: `worker`, or the supervisor, is being stopped; or `worker` is being
    ///   upgraded already.
    /// - [`ChildError::Gone`]: the supervisor is gone.
    // Not an `async fn`: to show that its future is `Send`, each caller would have to show it of
    // the tables again.
    pub fn upgrade_child<'a, W, V>(
        &'a self,
        worker: &'a Handle<W>,
        spec: Spec<V>,
    ) -> Pin<Box<dyn Future<Output = Result<V::Handle, ChildError>> + Send + 'a>>
    where
        W: Handlers,
        V: Handlers + TakesOver<W>,
    {
        Box::pin(self.upgrade(worker, spec))
    }

    async fn upgrade<W, V>(&self, worker: &Handle<W>, spec: Spec<V>) -> Result<V::Handle, ChildError>
    where
        W: Handlers,
        V: Handlers + Worker<Tables = W::Tables>,
    {
        let old = &worker.shared;
        let id = old.id();
        let is_child = self.shared.children.find(&old.name).is_some_and(|(found, node)| {
            found == id && std::ptr::addr_eq(Arc::as_ptr(&node), Arc::as_ptr(old))
        });
        if !is_child {
            return Err(ChildError::NotFound(Arc::clone(&old.name)));
        }
        let mut spec = spec.name(Arc::clone(&old.name));
        #[cfg(feature = "store")]
        {
            if W::IS_STORED != V::IS_STORED {
                return Err(ChildError::OtherStore);
            }
            spec.ledger = old.gates.as_ref().map(|gates| (Arc::clone(gates.ledger()), old.readers()));
        }
        spec.registered = spec.registered.or_else(|| old.registered().cloned());
        let position = ParentRef { id, parent: Arc::<Requests>::clone(&self.shared.requests) };
        let estate = Some(old.estate.clone());
        let settings = self.shared.share_settings(spec.settings);
        let shared =
            Arc::new(Shared::<V>::new(&spec, settings, estate, position, self.shared.registry().clone()));
        #[cfg(feature = "store")]
        shared.stand_behind_gates();
        shared.follow(old);
        let handle = V::Handle::from(Handle::new(Arc::<Shared<V>>::clone(&shared)));
        let (told, done) = reply(Waker::noop().clone());
        self.send(Command::Replace(id, Box::new(WorkerChild::successor(shared, spec.args)), told))?;
        match done.await {
            Some(()) => Ok(handle),
            None if old.lifecycle.is_stopped() => Err(ChildError::Ended),
            None => Err(ChildError::Ending),
        }
    }

    /// Returns the handle of the worker of this type that is [registered](crate::Spec::registered)
    /// under this name, anywhere in the tree that this supervisor belongs to (`whereis/1`).
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// #[heir(registered = "hits")]
    /// struct Counter {
    ///     #[table(keep)]
    ///     count: u64,
    /// }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn add(&mut self) -> u64 {
    ///         self.count += 1;
    ///         self.count
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let mut tree = Supervisor::builder("app");
    /// # tree.worker(Counter::spec());
    /// # let tree = tree.start().await?;
    /// let counter = tree.whereis::<Counter>("hits").ok_or("no such worker")?;
    /// assert_eq!(counter.add().await?, 1);
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn whereis<W: Handlers>(&self, name: &str) -> Option<W::Handle> {
        WeakHandle::<W>::whereis(self.shared.registry(), name)
    }

    /// Stops this supervisor and everything below it for good, in reverse order of the starts, and
    /// waits until they have stopped.
    ///
    /// It has no errors: a supervisor that has stopped already says at once why. Once the future has
    /// been polled, dropping it does not take the request back.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table(keep)] count: u64 }
    /// # #[handlers] impl Counter {}
    /// #[supervisor]
    /// struct Part {
    ///     counter: Counter,
    /// }
    ///
    /// #[supervisor]
    /// struct App {
    ///     part: Part,
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let app = App::start().await?;
    /// app.part.kill(); // is restarted, with its children and their tables
    /// assert_eq!(app.part.stop().await, Stopped::Shutdown); // is not
    /// assert_eq!(app.part.counter.wait_stopped().await, Stopped::Shutdown);
    /// # app.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub async fn stop(&self) -> Stopped {
        self.shared.request_stop();
        self.wait_stopped().await
    }

    /// Waits until this supervisor has stopped for good, and returns why. Cancel safe.
    pub async fn wait_stopped(&self) -> Stopped {
        self.shared.until_stopped().await
    }

    /// Kills the supervisor and everything below it (`exit(Pid, kill)`); says whether it ran.
    ///
    /// The supervisor's own supervisor decides whether to restart it; it would then have the same
    /// children, with their tables. A root is not restarted: its children have at once
    /// [stopped](Stopped::Dropped) for good, and the tables of each can be claimed as soon as its
    /// task has reached its next await.
    pub fn kill(&self) -> bool {
        self.shared.kill()
    }

    fn find(&self, name: &str) -> Result<(ChildId, Arc<dyn Node>), ChildError> {
        self.shared.children.find(name).ok_or_else(|| ChildError::NotFound(Arc::from(name)))
    }

    fn send(&self, command: Command) -> Result<(), ChildError> {
        self.shared.request(command)
    }
}

/// Two handles are equal if they belong to the same supervisor.
impl PartialEq for SupervisorHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for SupervisorHandle {}

impl Hash for SupervisorHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.shared).hash(state);
    }
}

impl fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorHandle")
            .field("name", &self.name())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
