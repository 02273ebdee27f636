//! The shared side of a supervisor: its name and status, the shared sides of its children, and its
//! queues of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::process::status::Stopped;
use crate::supervisor::child::{Node, Up};
use crate::supervisor::report::ChildError;
use crate::supervisor::run::patience::GRACE;
use crate::supervisor::run::requests::{Command, Requests};
use crate::supervisor::tree::{SubtreeStatus, Tree, TreeNode};
use crate::tree::events::{Event, EventKind};
use crate::tree::parent::{ChildId, ParentRef, ParentRequest};
use crate::tree::registry::Registry;
use crate::util::caught::caught;
use crate::util::sync::WatchMany;
use crate::worker::Settings;

/// What a supervisor shares with its handles, its own supervisor, and the pictures of its tree. It
/// stays while the supervisor's tasks come and go.
pub struct Branch {
    /// The name that was given to the builder first.
    built_as: Arc<str>,
    /// The name that replaced it, if any.
    label: OnceLock<Arc<str>>,
    /// Strategy, intensity and period, as a picture of the tree shows them.
    limits: OnceLock<String>,
    registry: Registry,
    pub(super) requests: Arc<Requests>,
    /// The settings of the newest worker. The next worker mostly has the same, and shares them.
    settings: Mutex<Option<Arc<Settings>>>,
    /// The id of the next child.
    next_id: AtomicU64,
    /// Whether the supervisor is dynamic: its children are stopped together.
    together: OnceLock<bool>,
    roll: RwLock<Roll>,
    /// Called with the id of each child that is forgotten: the keys of a `Dynamic` drop its key.
    when_forgotten: OnceLock<Box<dyn Fn(ChildId) + Send + Sync>>,
    state: WatchMany<State>,
    /// Why the supervisor will not be restarted once it has ended, if that is decided.
    for_good: OnceLock<Stopped>,
    /// Its id in its own supervisor, and the link to that, if it has one.
    position: OnceLock<ParentRef>,
}

/// The shared sides of the children, until a child is forgotten: also of children that have ended
/// and were not deleted.
#[derive(Default)]
struct Roll {
    nodes: BTreeMap<ChildId, Arc<dyn Node>>,
    /// By name, and then by id. Empty in a [`Dynamic`](super::Dynamic), whose children are found by
    /// key.
    by_name: BTreeSet<(Arc<str>, ChildId)>,
    /// Whether the supervisor is gone for good, and takes no more children.
    closed: bool,
}

impl Roll {
    fn insert(&mut self, id: ChildId, node: Arc<dyn Node>, by_name: bool) -> Option<Arc<dyn Node>> {
        if by_name {
            self.by_name.insert((Arc::clone(node.name()), id));
        }
        self.nodes.insert(id, node)
    }

    fn remove(&mut self, id: ChildId) -> Option<Arc<dyn Node>> {
        let node = self.nodes.remove(&id)?;
        self.by_name.remove(&(Arc::clone(node.name()), id));
        Some(node)
    }

    fn find(&self, name: &str) -> Option<ChildId> {
        let from = (Arc::from(name), ChildId::MIN);
        let (found, id) = self.by_name.range(from..).next()?;
        (**found == *name).then_some(*id)
    }
}

struct State {
    status: SubtreeStatus,
    has_been_up: bool,
    task: Option<AbortHandle>,
}

impl Branch {
    pub(super) fn new(built_as: Arc<str>) -> Self {
        Self {
            built_as,
            label: OnceLock::new(),
            limits: OnceLock::new(),
            registry: Registry::default(),
            requests: Arc::default(),
            settings: Mutex::default(),
            next_id: AtomicU64::new(0),
            together: OnceLock::new(),
            roll: RwLock::default(),
            when_forgotten: OnceLock::new(),
            state: WatchMany::new(State { status: SubtreeStatus::Down, has_been_up: false, task: None }),
            for_good: OnceLock::new(),
            position: OnceLock::new(),
        }
    }

    pub(super) fn label(&self) -> &Arc<str> {
        self.label.get().unwrap_or(&self.built_as)
    }

    /// Sets what a picture of the tree shows of the supervisor.
    pub(super) fn describe_as(&self, label: Option<Arc<str>>, limits: String, together: bool) {
        let _ = self.together.set(together);
        if let Some(label) = label {
            let _ = self.label.set(label);
        }
        let _ = self.limits.set(limits);
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes the supervisor a child of another one.
    pub(super) fn settle_at(&self, position: ParentRef) {
        let _ = self.position.set(position);
    }

    /// Returns a new child's id, and the link to this supervisor.
    pub(super) fn next_position(&self) -> ParentRef {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        ParentRef { id, parent: Arc::<Requests>::clone(&self.requests) }
    }

    /// Returns the settings behind an `Arc`: the newest worker's, if they are equal.
    pub(super) fn share(&self, settings: Settings) -> Arc<Settings> {
        let mut last = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(last) if **last == settings => Arc::clone(last),
            _ => Arc::clone(last.insert(Arc::new(settings))),
        }
    }

    /// Adds a child's shared side; says whether it could, which it cannot once the supervisor is
    /// gone for good.
    pub(super) fn enter(&self, id: ChildId, node: Arc<dyn Node>) -> bool {
        let mut roll = self.roll_mut();
        if roll.closed {
            return false;
        }
        let before = roll.insert(id, node, !self.is_dynamic());
        drop(roll);
        drop(before);
        true
    }

    pub(super) fn forget(&self, id: ChildId) {
        let gone = self.roll_mut().remove(id);
        drop(gone);
        self.is_forgotten(id);
    }

    fn is_forgotten(&self, id: ChildId) {
        if let Some(tell) = self.when_forgotten.get() {
            let _ = caught(|| tell(id));
        }
    }

    /// Sends a request to the supervisor. If the supervisor is gone for good, the request is
    /// dropped with its reply channel, which tells the caller.
    pub(super) fn request(&self, command: Command) -> Result<(), ChildError> {
        self.requests.commands.send(command).map_err(|unheard| {
            self.refuse(unheard);
            ChildError::Gone
        })
    }

    /// Drops a request that will not be served.
    fn refuse(&self, unheard: Command) {
        if let Command::Add(id, ..) = &unheard {
            // The key is free before the child is retired, as it is at any other end.
            self.is_forgotten(*id);
        }
        drop(unheard);
    }

    /// Has `tell` called whenever a child is forgotten.
    pub(super) fn when_forgotten(&self, tell: impl Fn(ChildId) + Send + Sync + 'static) {
        let _ = self.when_forgotten.set(Box::new(tell));
    }

    /// The shared sides of the children, in the order in which the children are started.
    pub(super) fn nodes(&self) -> Vec<Arc<dyn Node>> {
        self.roll().nodes.values().cloned().collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<(ChildId, Arc<dyn Node>)> {
        let roll = self.roll();
        let id = if self.is_dynamic() {
            *roll.nodes.iter().find(|(_, node)| **node.name() == *name)?.0
        } else {
            roll.find(name)?
        };
        Some((id, Arc::clone(roll.nodes.get(&id)?)))
    }

    fn is_dynamic(&self) -> bool {
        self.together.get().copied().unwrap_or_default()
    }

    pub(super) fn has_child(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn starting(&self) {
        self.state.update(|state| {
            state.has_been_up = false;
            state.enter(SubtreeStatus::Starting);
        });
    }

    pub(super) fn started(&self, task: AbortHandle) {
        self.state.update(|state| state.task = Some(task));
    }

    /// The supervisor's children have been started.
    pub(super) fn is_up(&self) {
        self.state.update(|state| {
            state.has_been_up = true;
            state.enter(SubtreeStatus::Running);
        });
    }

    pub(super) fn down(&self) {
        self.state.update(|state| {
            state.task = None;
            state.enter(SubtreeStatus::Down);
        });
    }

    pub(super) fn status(&self) -> SubtreeStatus {
        self.state.read(|state| state.status.clone())
    }

    pub(super) async fn until_up(&self) {
        self.state.until(|state| state.has_been_up.then_some(())).await;
    }

    pub(super) async fn until_stopped(&self) -> Stopped {
        self.state
            .until(|state| match &state.status {
                SubtreeStatus::Stopped(why) => Some(why.clone()),
                _ => None,
            })
            .await
    }

    /// Aborts the supervisor's task, if it has one; says whether it had.
    pub(super) fn kill(&self) -> bool {
        let task = self.state.update(|state| state.task.take());
        task.inspect(AbortHandle::abort).is_some()
    }

    /// Requests that the supervisor stop for good: a subtree's own supervisor gets the request, or,
    /// at the root, the supervisor itself.
    pub(super) fn request_stop(&self) {
        match self.position.get() {
            Some(position) => position.parent.ask(position.id, ParentRequest::Stop(Stopped::Shutdown)),
            None => drop(self.request(Command::Shutdown)),
        }
    }

    /// The supervisor will not be restarted once it has ended. The first reason holds.
    pub(super) fn set_for_good(&self, why: &Stopped) {
        let _ = self.for_good.set(why.clone());
    }

    /// Why the supervisor will not be restarted once it has ended, if that is decided.
    pub(super) fn for_good(&self) -> Option<&Stopped> {
        self.for_good.get()
    }

    /// Retires all children and the supervisor: they are gone for good.
    pub(super) fn retire_all(&self, why: &Stopped) {
        let unheard = self.requests.close();
        if std::mem::replace(&mut self.roll_mut().closed, true) {
            return;
        }
        let mut from = ChildId::MAX;
        // The lock is not held while a child is retired: that runs user code. Nor is the roll
        // copied: it may be very long.
        while let Some((id, node)) = self.last_before(from) {
            from = id;
            self.is_forgotten(id);
            node.retire(why);
        }
        for command in unheard {
            self.refuse(command);
        }
        self.state.update(|state| {
            state.task = None;
            state.enter(SubtreeStatus::Stopped(why.clone()));
        });
    }

    fn last_before(&self, id: ChildId) -> Option<(ChildId, Arc<dyn Node>)> {
        let roll = self.roll();
        let (id, node) = roll.nodes.range(..id).next_back()?;
        Some((*id, Arc::clone(node)))
    }

    pub(super) fn picture(&self) -> Tree {
        let limits = self.limits.get().cloned().unwrap_or_default();
        let children = self.nodes().iter().map(|node| node.describe()).collect();
        Tree { name: Arc::clone(self.label()), limits, status: self.status(), children }
    }

    fn roll(&self) -> std::sync::RwLockReadGuard<'_, Roll> {
        self.roll.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn roll_mut(&self) -> std::sync::RwLockWriteGuard<'_, Roll> {
        self.roll.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `Stopped` is final.
    fn enter(&mut self, status: SubtreeStatus) {
        if !matches!(self.status, SubtreeStatus::Stopped(_)) {
            self.status = status;
        }
    }
}

impl Node for Branch {
    fn name(&self) -> &Arc<str> {
        self.label()
    }

    fn describe(&self) -> TreeNode {
        TreeNode::Supervisor(self.picture())
    }

    fn is_stopped(&self) -> bool {
        matches!(self.status(), SubtreeStatus::Stopped(_))
    }

    fn up(self: Arc<Self>) -> Up {
        Box::pin(async move { self.until_up().await })
    }

    fn has_been_up(&self) -> bool {
        self.state.read(|state| state.has_been_up)
    }

    fn register_name(self: Arc<Self>) -> Result<(), Arc<str>> {
        // The workers below have registered their names when the tree was built.
        Ok(())
    }

    fn terminated(&self) {
        self.state.update(|state| {
            state.has_been_up = false;
            state.enter(SubtreeStatus::Terminated);
        });
        self.emit(EventKind::Terminated);
    }

    fn time_to_stop(&self) -> Duration {
        let below = self.nodes().into_iter().map(|node| node.time_to_stop());
        let all = below
            .fold(Duration::ZERO, if self.is_dynamic() { Duration::max } else { Duration::saturating_add });
        all.saturating_add(GRACE)
    }

    fn ends_for_good(&self, why: &Stopped) {
        self.set_for_good(why);
        // If the supervisor is ending already, it closes the children that have stopped.
        let _ = self.request(Command::EndsForGood);
    }

    fn close(&self, why: &Stopped) {
        self.set_for_good(why);
        for node in self.nodes() {
            node.close(why);
        }
    }

    fn retire(&self, why: &Stopped) {
        self.retire_all(why);
    }

    fn hand_over(&self) {
        self.retire_all(&Stopped::Upgraded);
    }

    fn emit(&self, kind: EventKind) {
        self.registry.emit(|| Event { child: Arc::clone(self.label()), kind });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::steps::{assert_no_square, made};

    /// A child that counts how often it is asked for its name.
    struct Named(Arc<str>);

    impl Node for Named {
        fn name(&self) -> &Arc<str> {
            made(1);
            &self.0
        }

        fn describe(&self) -> TreeNode {
            unreachable!("nobody draws it")
        }

        fn is_stopped(&self) -> bool {
            false
        }

        fn up(self: Arc<Self>) -> Up {
            Box::pin(std::future::ready(()))
        }

        fn has_been_up(&self) -> bool {
            true
        }

        fn time_to_stop(&self) -> Duration {
            Duration::ZERO
        }

        fn register_name(self: Arc<Self>) -> Result<(), Arc<str>> {
            Ok(())
        }

        fn terminated(&self) {}
        fn close(&self, _why: &Stopped) {}
        fn retire(&self, _why: &Stopped) {}
        fn hand_over(&self) {}
        fn emit(&self, _kind: EventKind) {}
    }

    #[test]
    fn many_children_that_are_added_found_and_forgotten_take_a_search_for_each() {
        assert_no_square(|many| {
            let branch = Branch::new(Arc::from("app"));
            let name = |n: u64| Arc::from(format!("child {n}"));
            for n in 0..many as u64 {
                assert!(!branch.has_child(&name(n)));
                assert!(branch.enter(n, Arc::new(Named(name(n)))));
            }
            for n in (0..many as u64).rev() {
                assert_eq!(branch.find(&name(n)).map(|(id, _)| id), Some(n));
                branch.forget(n);
                assert!(branch.find(&name(n)).is_none());
            }
        });
    }

    #[test]
    fn of_two_children_of_one_name_the_first_is_found_and_then_the_other() {
        let branch = Branch::new(Arc::from("app"));
        let named = || Arc::new(Named(Arc::from("twice")));
        assert!(branch.enter(1, named()) && branch.enter(2, named()));
        assert_eq!(branch.find("twice").map(|(id, _)| id), Some(1));
        branch.forget(1);
        assert_eq!(branch.find("twice").map(|(id, _)| id), Some(2));
        assert!(branch.find("twic").is_none() && branch.find("twicer").is_none());
    }
}
