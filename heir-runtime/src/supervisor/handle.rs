//! The handle on a supervisor: looking at its children, and managing them while it runs.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use crate::process::status::Stopped;
use crate::supervisor::branch::Branch;
use crate::supervisor::child::Node;
use crate::supervisor::child::spec::{Attached, ChildSpec};
use crate::supervisor::child::worker::WorkerChild;
use crate::supervisor::report::{ChildError, StartError};
use crate::supervisor::run::requests::{Command, Requests};
use crate::supervisor::tree::{SubtreeStatus, Tree, TreeNode};
use crate::tree::parent::{ChildId, ParentRef};
use crate::util::race::{Either, race};
use crate::util::reply::reply;
use crate::worker::Handlers;
use crate::worker::Spec;
use crate::worker::TakesOver;
use crate::worker::Worker;
use crate::worker::handle::{Handle, WeakHandle};
use crate::worker::shared::Shared;

/// The way to a supervisor, good for each of its incarnations: its children can be looked at, and managed.
///
/// Clones are cheap, and do not keep the supervisor running. Every child is known by its name.
///
/// What is asked of a supervisor that is down waits for its next incarnation: of one that was terminated, until that is restarted, or
/// deleted.
#[derive(Clone)]
pub struct SupervisorHandle {
    branch: Arc<Branch>,
}

/// How many children a supervisor has (`supervisor:count_children/1`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ChildCounts {
    /// All that it knows: also those that were terminated, or have ended and were not deleted.
    pub specs: usize,
    /// Those that run, or are about to.
    pub active: usize,
    /// The supervisors among all.
    pub supervisors: usize,
    /// The workers among all; their managers do not count.
    pub workers: usize,
}

impl SupervisorHandle {
    pub(super) fn new(branch: Arc<Branch>) -> Self {
        Self { branch }
    }

    pub(super) fn branch(&self) -> &Arc<Branch> {
        &self.branch
    }

    /// The name of the supervisor.
    pub fn name(&self) -> &str {
        self.branch.label()
    }

    /// What the supervisor does at the moment.
    pub fn status(&self) -> SubtreeStatus {
        self.branch.status()
    }

    /// The tree from here down, as it is now: who serves, who owns which tables. Its `Display` draws it.
    pub fn tree(&self) -> Tree {
        self.branch.picture()
    }

    /// The children, in the order in which they are started (`supervisor:which_children/1`).
    pub fn which_children(&self) -> Vec<TreeNode> {
        self.tree().children
    }

    /// How many children there are (`supervisor:count_children/1`).
    pub fn count_children(&self) -> ChildCounts {
        let mut counts = ChildCounts::default();
        for child in self.which_children() {
            counts.specs += 1;
            counts.active += usize::from(child.is_active());
            match child {
                TreeNode::Worker(_) => counts.workers += 1,
                TreeNode::Supervisor(_) => counts.supervisors += 1,
            }
        }
        counts
    }

    /// Starts one more child, after all others, and waits until it is up (`supervisor:start_child/2`).
    ///
    /// Dropping the future does not take the request back: the child is then one like any other.
    ///
    /// # Errors
    /// Why it did not start; then it is gone. A name that another child has, also one that has ended and was not
    /// [deleted](Self::delete_child), is [`StartError::DuplicateName`].
    pub async fn start_child<S: ChildSpec>(&self, spec: S) -> Result<S::Handle, StartError> {
        let attached = spec.attach(&self.branch);
        self.add(attached).await
    }

    /// Adds a child that has been made for this supervisor.
    pub(super) async fn add<H>(&self, attached: Attached<H>) -> Result<H, StartError> {
        let Attached { id, member, handle, refused } = attached;
        if let Some(error) = refused {
            return Err(error);
        }
        let node = member.node();
        let (told, refusal) = reply(Waker::noop().clone());
        let _ = self.send(Command::Add(id, member, told));
        match race(refusal, node.up()).await {
            Either::Left(Some(Err(error))) => Err(error),
            // It went up, and down again, before this was looked at.
            Either::Left(Some(Ok(()))) | Either::Right(()) => Ok(handle),
            // Unheard: the supervisor is gone for good, or goes at this moment.
            Either::Left(None) => Err(StartError::Stopped(self.wait_stopped().await)),
        }
    }

    /// Stops a child in order, within its shutdown timeout, and waits until it is down (`supervisor:terminate_child/2`). It
    /// can be [started again](Self::restart_child): its messages wait for that, its tables too. As in OTP a restart of its siblings
    /// together with it (`one_for_all`, `rest_for_one`) starts it as well; a temporary child is gone instead.
    ///
    /// To stop a worker for good, tell its [handle](crate::Handle::stop). Dropping the future does not take the request back.
    ///
    /// # Errors
    /// [`ChildError::NotFound`], [`ChildError::Ended`], [`ChildError::Gone`].
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

    /// Starts a child again that was [terminated](Self::terminate_child), and waits until it is up
    /// (`supervisor:restart_child/2`): the same handle, the same tables, the messages that have waited.
    ///
    /// Of a supervisor that was itself terminated, this waits until that is restarted, and its children with it: mostly the answer is then
    /// [`Running`](ChildError::Running).
    ///
    /// # Errors
    /// - [`ChildError::NotFound`]: there is no child of this name.
    /// - [`ChildError::Running`]: the child runs, or is about to be restarted.
    /// - [`ChildError::Ended`]: it has ended for good.
    /// - [`ChildError::Ending`]: it, or the supervisor, is being stopped at this moment.
    /// - [`ChildError::NotStarted`]: it was started, and did not get up; it is terminated, as before.
    /// - [`ChildError::Gone`]: the supervisor is gone.
    pub async fn restart_child(&self, name: &str) -> Result<(), ChildError> {
        let (id, node) = self.find(name)?;
        if node.is_stopped() {
            return Err(ChildError::Ended);
        }
        let (told, begun) = reply(Waker::noop().clone());
        self.send(Command::Restart(id, told))?;
        let outcome = begun.await.unwrap_or(Err(ChildError::Gone))?;
        // Not before it has begun: until then the child may be up from the start before.
        match race(outcome, node.up()).await {
            Either::Left(Some(answer)) => answer,
            Either::Right(()) => Ok(()),
            Either::Left(None) => Err(ChildError::Gone),
        }
    }

    /// Forgets a child that was [terminated](Self::terminate_child) or has ended (`supervisor:delete_child/2`): whoever waits for
    /// one of its workers is told, their tables can be claimed, and its name is free.
    ///
    /// # Errors
    /// [`ChildError::NotFound`], [`ChildError::Running`], [`ChildError::Gone`].
    pub async fn delete_child(&self, name: &str) -> Result<(), ChildError> {
        let (id, _) = self.find(name)?;
        let (told, answer) = reply(Waker::noop().clone());
        self.send(Command::Delete(id, told))?;
        answer.await.unwrap_or(Err(ChildError::Gone))
    }

    /// Gives the tables of a worker, between two messages, to a worker of another type that has the same tables, and that takes
    /// its place and name: an upgrade of the code while the state lives on (OTP, `code_change`, `sys:change_code/4`).
    ///
    /// The old worker finishes its message and runs its stop hook; whoever is queued behind it, or uses its handle from then on, is
    /// told [`Stopped::Upgraded`]. Readers of its recorded tables go on reading. The new worker's verify hook sees the tables first. It
    /// is then a child like any other: if it does not start, it is restarted as its spec says.
    ///
    /// Returns when the old worker is down. Dropping the future does not take the request back.
    ///
    /// # Errors
    /// [`ChildError::NotFound`] if `worker` is no child of this supervisor itself, [`ChildError::Ended`], [`ChildError::Ending`],
    /// [`ChildError::Gone`].
    // No `async fn`: its future would ask for the tables again, wherever it is used.
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
        let is_child = self.branch.find(&old.name).is_some_and(|(found, node)| {
            found == id && std::ptr::addr_eq(Arc::as_ptr(&node), Arc::as_ptr(old))
        });
        if !is_child {
            return Err(ChildError::NotFound(Arc::clone(&old.name)));
        }
        let mut spec = spec.name(Arc::clone(&old.name));
        spec.registered = spec.registered.or_else(|| old.registered().cloned());
        let position = ParentRef { id, parent: Arc::<Requests>::clone(&self.branch.requests) };
        let estate = Some(old.estate.clone());
        let settings = self.branch.share(spec.settings);
        let shared =
            Arc::new(Shared::<V>::new(&spec, settings, estate, position, self.branch.registry().clone()));
        let handle = V::Handle::from(Handle::new(Arc::<Shared<V>>::clone(&shared)));
        let (told, done) = reply(Waker::noop().clone());
        self.send(Command::Replace(id, Box::new(WorkerChild::successor(shared, spec.args)), told))?;
        match done.await {
            Some(()) => Ok(handle),
            None if old.lifecycle.is_stopped() => Err(ChildError::Ended),
            None => Err(ChildError::Ending),
        }
    }

    /// The worker of this type that is [registered](crate::Spec::registered) under this name, anywhere in the tree that this
    /// supervisor belongs to (`whereis/1`).
    pub fn whereis<W: Handlers>(&self, name: &str) -> Option<W::Handle> {
        WeakHandle::<W>::whereis(self.branch.registry(), name)
    }

    /// Stops this supervisor and everything below it for good, in order, and waits until that is done.
    ///
    /// Dropping the future does not take the request back.
    pub async fn stop(&self) -> Stopped {
        self.branch.request_stop();
        self.wait_stopped().await
    }

    /// Waits until this supervisor has stopped for good, and says why. Cancel safe.
    pub async fn wait_stopped(&self) -> Stopped {
        self.branch.until_stopped().await
    }

    /// Kills the supervisor (`exit(Pid, kill)`), and with it everything below it; says whether it ran. Its own supervisor decides
    /// whether it is started again: then with the same children, and their tables. A root is not: its children have then
    /// [stopped](Stopped::Dropped) at once, and their tables can be claimed as soon as each has reached its next await.
    pub fn kill(&self) -> bool {
        self.branch.kill()
    }

    fn find(&self, name: &str) -> Result<(ChildId, Arc<dyn Node>), ChildError> {
        self.branch.find(name).ok_or_else(|| ChildError::NotFound(Arc::from(name)))
    }

    fn send(&self, command: Command) -> Result<(), ChildError> {
        self.branch.request(command)
    }
}

/// Two handles are equal if they are on the same supervisor.
impl PartialEq for SupervisorHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.branch, &other.branch)
    }
}

impl Eq for SupervisorHandle {}

impl Hash for SupervisorHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.branch).hash(state);
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
