//! The shared side of a supervisor: its name and status, the shared sides of its children, and its
//! queues of requests.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::process::status::Stopped;
use crate::supervisor::child::{Node, Wanted};
use crate::supervisor::children::Children;
use crate::supervisor::health::{Ailment, Health, Scope, Survey};
use crate::supervisor::report::ChildError;
use crate::supervisor::run::intensity::{Limit, Windows};
use crate::supervisor::run::requests::{Command, Requests};
use crate::supervisor::tree::{LeftOut, Page, SubtreeStatus, Tree, TreeCounts, TreeNode, View};
use crate::tree::events::EventKind;
use crate::tree::parent::{ChildId, ParentRef, ParentRequest};
use crate::tree::registry::Registry;
use crate::util::caught::caught;
use crate::util::sync::WatchMany;
use crate::worker::Settings;

/// What a supervisor shares with its handles, its own supervisor, and the pictures of its tree. It
/// stays while the supervisor's tasks come and go.
pub struct SupervisorShared {
    /// What a picture of the tree shows of its limits.
    limits: OnceLock<Limits>,
    /// The restarts that count at the moment.
    pub(super) windows: Windows,
    registry: Registry,
    pub(super) requests: Arc<Requests>,
    /// The settings of the newest worker. The next worker mostly has the same, and shares them.
    settings: Mutex<Option<Arc<Settings>>>,
    /// The id of the next child.
    next_id: AtomicU64,
    pub(super) children: Children,
    /// Called with the id of each child that is forgotten: the keys of a `Dynamic` drop its key.
    when_forgotten: OnceLock<Box<dyn Fn(ChildId) + Send + Sync>>,
    /// Called when the supervisor is gone for good: a `Dynamic` drops what its workers are made by.
    when_over: OnceLock<Box<dyn Fn() + Send + Sync>>,
    state: WatchMany<State>,
    /// Why the supervisor will not be restarted once it has ended, if that is decided.
    for_good: OnceLock<Stopped>,
    /// Whether a handle has asked for the supervisor's stop.
    is_asked_to_stop: AtomicBool,
    /// Its id in its own supervisor, and the link to that, if it has one.
    position: OnceLock<ParentRef>,
}

/// What a picture of the tree shows of a supervisor's limits.
pub(super) struct Limits {
    /// Strategy, intensity and period.
    pub(super) words: String,
    pub(super) limit: Limit,
    /// Whether each child that is a worker has the limit for itself.
    pub(super) for_each_key: bool,
}

struct State {
    status: SubtreeStatus,
    has_been_up: bool,
    /// Whether the children had been up in the life before.
    was_up_before: bool,
    /// Whether the supervisor has given up in this life.
    has_given_up: bool,
    task: Option<AbortHandle>,
}

impl SupervisorShared {
    pub(super) fn new(built_as: Arc<str>) -> Self {
        Self {
            limits: OnceLock::new(),
            windows: Windows::default(),
            registry: Registry::new(built_as),
            requests: Arc::default(),
            settings: Mutex::default(),
            next_id: AtomicU64::new(0),
            children: Children::default(),
            when_forgotten: OnceLock::new(),
            when_over: OnceLock::new(),
            state: WatchMany::new(State {
                status: SubtreeStatus::Down,
                has_been_up: false,
                was_up_before: false,
                has_given_up: false,
                task: None,
            }),
            for_good: OnceLock::new(),
            is_asked_to_stop: AtomicBool::new(false),
            position: OnceLock::new(),
        }
    }

    pub(super) fn label(&self) -> &Arc<str> {
        self.registry.name()
    }

    /// Sets what a picture of the tree shows of the supervisor.
    pub(super) fn describe_as(&self, label: Option<Arc<str>>, limits: Limits, dynamic: bool) {
        self.children.set_dynamic(dynamic);
        if let Some(label) = label {
            self.registry.rename(label);
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
    pub(super) fn share_settings(&self, settings: Settings) -> Arc<Settings> {
        let mut last = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(last) if **last == settings => Arc::clone(last),
            _ => Arc::clone(last.insert(Arc::new(settings))),
        }
    }

    pub(super) fn forget(&self, id: ChildId) {
        self.children.remove(id);
        self.tell_forgotten(id);
    }

    /// Calls what was given to [`when_forgotten`](Self::when_forgotten).
    fn tell_forgotten(&self, id: ChildId) {
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
        // The key is free before the child is retired, as it is at any other end.
        match &unheard {
            Command::Add(addition) => self.tell_forgotten(addition.id),
            Command::AddAll(additions) => {
                for addition in additions {
                    self.tell_forgotten(addition.id);
                }
            }
            _ => {}
        }
        drop(unheard);
    }

    /// Has `tell` called whenever a child is forgotten.
    pub(super) fn when_forgotten(&self, tell: impl Fn(ChildId) + Send + Sync + 'static) {
        let _ = self.when_forgotten.set(Box::new(tell));
    }

    /// Has `tell` called when the supervisor is gone for good.
    pub(super) fn when_over(&self, tell: impl Fn() + Send + Sync + 'static) {
        let _ = self.when_over.set(Box::new(tell));
    }

    /// Notes that the supervisor begins a life, in which it has not been up yet.
    pub(super) fn set_starting(&self) {
        self.state.update(|state| {
            state.was_up_before = std::mem::take(&mut state.has_been_up);
            state.has_given_up = false;
            state.enter(SubtreeStatus::Starting);
        });
    }

    pub(super) fn set_task(&self, task: AbortHandle) {
        self.state.update(|state| state.task = Some(task));
    }

    /// Notes that the supervisor's children have been started.
    pub(super) fn set_running(&self) {
        self.state.update(|state| {
            state.has_been_up = true;
            state.enter(SubtreeStatus::Running);
        });
    }

    /// Notes that the supervisor gives up: its own supervisor may see that as a normal end.
    pub(super) fn set_given_up(&self) {
        self.state.update(|state| state.has_given_up = true);
    }

    pub(super) fn set_down(&self) {
        self.state.update(|state| {
            state.task = None;
            state.enter(SubtreeStatus::Down);
        });
    }

    pub(super) fn set_terminated(&self) {
        self.state.update(|state| {
            state.has_been_up = false;
            state.enter(SubtreeStatus::Terminated);
        });
    }

    pub(super) fn status(&self) -> SubtreeStatus {
        self.state.read(|state| state.status.clone())
    }

    /// Whether the children have been up since the supervisor's last start.
    pub(super) fn has_been_up(&self) -> bool {
        self.state.read(|state| state.has_been_up)
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
        self.is_asked_to_stop.store(true, Ordering::Release);
        match self.position.get() {
            Some(position) => position.parent.ask(position.id, ParentRequest::Stop(Stopped::Shutdown)),
            None => drop(self.request(Command::Shutdown)),
        }
    }

    /// Whether a handle has asked for the supervisor's stop.
    pub(super) fn is_asked_to_stop(&self) -> bool {
        self.is_asked_to_stop.load(Ordering::Acquire)
    }

    /// The supervisor will not be restarted once it has ended. The first reason holds.
    pub(super) fn set_for_good(&self, why: &Stopped) {
        let _ = self.for_good.set(why.clone());
    }

    /// Why the supervisor will not be restarted once it has ended, if that is decided.
    pub(super) fn for_good(&self) -> Option<&Stopped> {
        self.for_good.get()
    }

    /// Why the supervisor is gone for good, which it is, or is about to be.
    pub(super) fn why_stopped(&self) -> Stopped {
        match self.status() {
            SubtreeStatus::Stopped(why) => why,
            _ => self.for_good().cloned().unwrap_or(Stopped::Dropped),
        }
    }

    /// Retires all children and the supervisor: they are gone for good.
    pub(super) fn retire_all(&self, why: &Stopped) {
        let unheard = self.requests.close();
        if !self.children.close() {
            return;
        }
        let mut from = ChildId::MAX;
        // The children are not locked while one of them is retired: that runs user code. Nor are
        // they copied: they may be very many.
        while let Some((id, node)) = self.children.last_before(from) {
            from = id;
            self.tell_forgotten(id);
            node.retire(why);
        }
        for command in unheard {
            self.refuse(command);
        }
        if let Some(tell) = self.when_over.get() {
            let _ = caught(tell);
        }
        self.state.update(|state| {
            state.task = None;
            state.enter(SubtreeStatus::Stopped(why.clone()));
        });
        self.registry.emit_own(EventKind::SupervisorStopped { why: why.clone() });
        self.registry.end_streams();
    }

    /// The health of this supervisor and all below it.
    pub(super) fn health(&self) -> Health {
        let mut survey = Survey::new();
        let ailment = match self.status() {
            SubtreeStatus::Stopped(why) => {
                survey.is_over();
                Some(Ailment::Stopped(why))
            }
            _ if self.for_good().is_some() => Some(Ailment::Stopping),
            _ => self.ailment(),
        };
        if let Some(ailment) = ailment {
            survey.note(self.label(), ailment);
        }
        self.survey_children(&mut survey);
        survey.result()
    }

    /// What is not well with the supervisor itself, if anything is.
    pub(super) fn ailment(&self) -> Option<Ailment> {
        self.state.read(|state| match &state.status {
            SubtreeStatus::Running => None,
            SubtreeStatus::Starting => (!state.was_up_before).then_some(Ailment::Starting),
            SubtreeStatus::Down => (!state.has_been_up).then_some(Ailment::Down),
            SubtreeStatus::Terminated => Some(Ailment::Terminated),
            SubtreeStatus::Stopped(why) => {
                (state.has_given_up || !why.is_as_intended()).then(|| Ailment::Stopped(why.clone()))
            }
        })
    }

    /// Looks at the children, some at a time: they may be very many.
    pub(super) fn survey_children(&self, survey: &mut Survey) {
        let scope = match self.status() {
            SubtreeStatus::Terminated | SubtreeStatus::Stopped(_) => Scope::OnlyBlocked,
            _ if self.children.is_dynamic() => Scope::OwnTrouble,
            _ => Scope::Everything,
        };
        survey.enter(self.label(), scope, |survey| {
            self.children.each_from(ChildId::MIN, |_, node| {
                node.survey(survey);
                true
            });
        });
    }

    /// The supervisor with everything below it, as far as it is to be seen.
    pub(super) fn picture(&self, view: View<'_>) -> Tree {
        let path = view.path(self.label());
        let below = View { above: Some(&path), ..view };
        let mut children = Vec::new();
        let mut left_out = LeftOut::default();
        self.children.each_from(ChildId::MIN, |id, node| {
            if children.len() < view.listed {
                children.push(self.describe(id, node, below));
            } else {
                left_out.children += 1;
                node.count(&mut left_out.counts);
            }
            true
        });
        let limit = self.limits.get().map(|limits| limits.limit);
        Tree {
            name: Arc::clone(self.label()),
            kind: Arc::clone(self.registry.built_as()),
            dynamic: self.children.is_dynamic(),
            limits: self.limits.get().map(|limits| limits.words.clone()).unwrap_or_default(),
            restarts: limit.map_or(0, |limit| self.windows.restarts(None, limit)),
            intensity: limit.filter(|limit| !limit.is_none()).map(|limit| limit.restarts),
            period: limit.map_or(Duration::ZERO, |limit| limit.period),
            for_each_key: self.limits.get().is_some_and(|limits| limits.for_each_key),
            status: self.status(),
            children,
            left_out: (left_out.children > 0).then_some(left_out),
            path,
        }
    }

    /// A child, and the restarts that count for it alone.
    fn describe(&self, id: ChildId, node: &Arc<dyn Node>, view: View<'_>) -> TreeNode {
        let mut child = node.describe(view);
        if let TreeNode::Worker(worker) = &mut child
            && let Some(limits) = self.limits.get()
            && limits.for_each_key
        {
            worker.restarts = Some(self.windows.restarts(Some(id), limits.limit));
        }
        child
    }

    /// Some children of the supervisor at the path `below` this one, or of this one.
    pub(super) fn page_of(&self, below: Option<&str>, wanted: Wanted<'_>) -> Option<Page> {
        let Some(below) = below else { return Some(self.page(wanted)) };
        // A name may have slashes in it.
        let ends = below.match_indices('/').map(|(at, _)| (&below[..at], Some(&below[at + 1..])));
        ends.chain([(below, None)]).find_map(|(name, below)| {
            let (_, node) = self.children.find(name)?;
            node.page(below, wanted)
        })
    }

    fn page(&self, Wanted { path, from, at_most }: Wanted<'_>) -> Page {
        let view = View { above: Some(path), listed: 0 };
        let (mut children, mut next) = (Vec::new(), None);
        self.children.some_each_from(from, at_most.saturating_add(1), |id, node| {
            if children.len() < at_most {
                children.push(self.describe(id, node, view));
            } else {
                next = Some(id);
            }
            next.is_none()
        });
        Page { children, next }
    }

    /// Counts this supervisor, and what is below it.
    pub(super) fn count_into(&self, counts: &mut TreeCounts) {
        self.state.read(|state| counts.supervisors.add(&state.status));
        self.children.each_from(ChildId::MIN, |_, node| {
            node.count(counts);
            true
        });
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
