//! The builder of a tree.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::supervisor::Supervisor;
use crate::supervisor::child::Rules;
use crate::supervisor::child::spec::{Attached, ChildSpec, sealed};
use crate::supervisor::child::subtree::SupervisorChild;
use crate::supervisor::handle::SupervisorHandle;
use crate::supervisor::report::StartError;
use crate::supervisor::root;
use crate::supervisor::run::intensity::Intensity;
use crate::supervisor::run::slot::Slot;
use crate::supervisor::run::{Run, Slots, SupervisorRules};
use crate::supervisor::shared::SupervisorShared;
use crate::supervisor::strategy::{AutoShutdown, Strategy};
use crate::tree::events::{Event, Observer};
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
/// `H` is the handle of the finished tree.
#[must_use = "a tree does nothing until it is started"]
pub struct SupervisorBuilder<H = SupervisorHandle> {
    handle: H,
    plan: Plan,
}

/// The settings and children of a supervisor to be.
struct Plan {
    shared: Arc<SupervisorShared>,
    slots: Slots,
    /// The first mistake in the declaration of a child.
    refused: Option<StartError>,
    label: Option<Arc<str>>,
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    dynamic: bool,
    intensity: u32,
    period: Duration,
    observers: Vec<Observer>,
    restart: Restart,
    shutdown: Option<Shutdown>,
    significant: bool,
    backoff: Backoff,
}

impl<H: Clone + Send + Sync + 'static> ChildSpec for SupervisorBuilder<H> {
    type Handle = H;
}

impl<H: Clone + Send + Sync + 'static> sealed::Attach<H> for SupervisorBuilder<H> {
    fn attach(self, supervisor: &SupervisorShared) -> Attached<H> {
        let position = supervisor.next_position();
        let id = position.id;
        self.plan.shared.settle_at(position);
        let twice =
            self.plan.shared.registry().join(supervisor.registry()).map(StartError::DuplicateRegistration);
        let rules = Rules {
            restart: self.plan.restart,
            shutdown: self.plan.shutdown.unwrap_or_default(),
            significant: self.plan.significant,
            backoff: self.plan.backoff,
        };
        let as_long_as_it_takes = self.plan.shutdown.is_none();
        let (run, refused) = self.plan.finish(false);
        let member = Box::new(SupervisorChild::new(run, rules, as_long_as_it_takes));
        Attached { id, member, handle: self.handle, refused: refused.or(twice) }
    }
}

impl SupervisorBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        let shared = Arc::new(SupervisorShared::new(name));
        let handle = SupervisorHandle::new(Arc::clone(&shared));
        let plan = Plan {
            shared,
            slots: Slots::new(),
            refused: None,
            label: None,
            strategy: Strategy::default(),
            auto_shutdown: AutoShutdown::default(),
            dynamic: false,
            intensity: 10,
            period: Duration::from_secs(10),
            observers: Vec::new(),
            restart: Restart::default(),
            shutdown: None,
            significant: false,
            backoff: Backoff::default(),
        };
        Self { handle, plan }
    }

    /// Makes the supervisor dynamic: its children are many workers of one type.
    pub(super) fn dynamic(mut self) -> Self {
        self.plan.dynamic = true;
        self
    }

    /// Sets which children are restarted when one ends. Default: [`Strategy::OneForOne`].
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.plan.strategy = strategy;
        self
    }

    /// Sets whether the supervisor ends by itself when its significant children have ended.
    /// Default: [`AutoShutdown::Never`].
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.plan.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child, and returns its handle: a worker with its manager, or another tree as a
    /// subtree.
    ///
    /// Children are started in the order in which they were added. Messages that are sent to a
    /// worker before it has started wait for it.
    pub fn child<S: ChildSpec>(&mut self, spec: S) -> S::Handle {
        let Attached { id, member, handle, refused } = spec.attach(&self.plan.shared);
        let node = member.node();
        let name = Arc::clone(node.name());
        let twice =
            self.plan.shared.children.has(&name).then(|| StartError::DuplicateName(Arc::clone(&name)));
        let enlisted = Arc::clone(&node).register_name().err().map(StartError::DuplicateRegistration);
        self.plan.refused = self.plan.refused.take().or(refused).or(twice).or(enlisted);
        // A supervisor that has not started takes every child.
        let _open = self.plan.shared.children.insert(id, node);
        self.plan.slots.insert(id, Box::new(Slot::new(member)));
        handle
    }

    /// Adds a worker with its manager, and returns its handle: [`child`](Self::child) of a worker's
    /// spec.
    pub fn worker<W: Handlers>(&mut self, spec: Spec<W>) -> W::Handle {
        self.child(spec)
    }

    /// Replaces the handle by what `wrap` makes of it: `#[supervisor]` makes a struct of the
    /// children's handles.
    pub fn declared<H>(self, wrap: impl FnOnce(SupervisorHandle) -> H) -> SupervisorBuilder<H> {
        SupervisorBuilder { handle: wrap(self.handle), plan: self.plan }
    }
}

impl<H> SupervisorBuilder<H> {
    /// Replaces the name that the tree was built with.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.plan.label = Some(name.into());
        self
    }

    /// Sets how many restarts of all children together are allowed in one [`period`](Self::period);
    /// with one more, the supervisor gives up. Default: 10 in 10 seconds.
    ///
    /// OTP's default, 1 in 5 seconds, leaves no room to recognise a [crash loop](Spec::crash_loop),
    /// or to serve a message again. `u32::MAX` sets no limit.
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.plan.intensity = restarts;
        self
    }

    /// Sets the period, a sliding window, in which restarts are counted. Default: 10 seconds.
    pub fn period(mut self, period: Duration) -> Self {
        self.plan.period = period;
        self
    }

    /// Calls `observer` with every [`Event`] of this tree and its subtrees.
    ///
    /// The observer runs in the task in which the event happens, so it must not block. Its panics
    /// are caught and ignored. An observer that captures a strong handle keeps that worker's tables
    /// alive: capture a [weak](crate::Handle::downgrade) handle instead.
    pub fn observe(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.plan.observers.push(CatchDrop::new(Box::new(observer)));
        self
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

    /// As a subtree: sets how the supervisor is stopped. Default: it is asked, and may take as long
    /// as the shutdown timeouts of all its children together.
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
    /// [`StartError`] says which child did not start, and why.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one whose timer is not enabled.
    pub async fn start(self) -> Result<Supervisor<H>, StartError> {
        let (run, refused) = self.plan.finish(true);
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
        Supervisor::new(self.handle, shared, stop, task).up().await
    }
}

impl Plan {
    /// Makes the supervisor; returns with it the first mistake in the declaration, if there is one.
    fn finish(mut self, is_root: bool) -> (Run, Option<StartError>) {
        let rules = SupervisorRules {
            strategy: self.strategy,
            auto_shutdown: self.auto_shutdown,
            dynamic: self.dynamic,
            is_root,
        };
        let limits = match self.intensity {
            u32::MAX => format!("{}, any number of restarts", self.strategy),
            restarts => format!("{}, {restarts} restarts in {:?}", self.strategy, self.period),
        };
        self.shared.describe_as(self.label.take(), limits, self.dynamic);
        self.shared.registry().observe(std::mem::take(&mut self.observers));
        let mut refused = self.refused.take();
        for slot in self.slots.values() {
            let name = Arc::clone(slot.member.node().name());
            refused = refused.or_else(|| rules.check(&name, slot.member.rules()));
        }
        let intensity = Intensity::new(self.intensity, self.period);
        (Run::new(self.shared, rules, self.slots, intensity), refused)
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

impl<H> fmt::Debug for SupervisorBuilder<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.plan.label.as_ref().unwrap_or(self.plan.shared.label());
        f.debug_struct("SupervisorBuilder").field("name", name).finish_non_exhaustive()
    }
}
