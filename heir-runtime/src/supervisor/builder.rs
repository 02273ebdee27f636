//! Declaring a tree, and starting it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::child::{Child, pair};
use super::intensity::Intensity;
use super::run::Run;
use super::tree::Node;
use super::{StartError, Supervisor};
use crate::events::{Event, Events, Observer};
use crate::handle::Handle;
use crate::mailbox::Stopped;
use crate::post::{Command, Post};
use crate::worker::{Handlers, Spec};

/// A tree that has not started yet: made by [`Supervisor::builder`].
#[must_use = "a tree does nothing until it is started"]
pub struct SupervisorBuilder {
    name: Arc<str>,
    intensity: u32,
    period: Duration,
    events: Events,
    observers: Vec<Observer>,
    children: Vec<Box<dyn Child>>,
    nodes: Vec<Arc<dyn Node>>,
    commands: mpsc::UnboundedSender<Command>,
    requests: mpsc::UnboundedReceiver<Command>,
}

impl SupervisorBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        let (commands, requests) = mpsc::unbounded_channel();
        Self {
            name,
            intensity: 10,
            period: Duration::from_secs(10),
            events: Events::default(),
            observers: Vec::new(),
            children: Vec::new(),
            nodes: Vec::new(),
            commands,
            requests,
        }
    }

    /// How many restarts are allowed in one [`period`](Self::period), of all children together; one more, and the supervisor
    /// gives up. Default: 10 in 10 seconds; OTP's 1 in 5 leaves no room to recognise a [crash loop](Spec::crash_loop), or to
    /// serve a message again. `u32::MAX` is without limit.
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.intensity = restarts;
        self
    }

    /// The time over which restarts are counted: it slides. Default: 10 seconds.
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Tells `observer` every [`Event`] of this tree, as it happens, in the task it happens in: it must not block. A panic in it
    /// is caught and ignored. One that captures a strong handle keeps the tree's tables alive: capture a
    /// [weak](crate::Handle::downgrade) one.
    pub fn observe(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Adds a worker, and with it its manager; they are started in the order in which they were added. Returns the worker's
    /// handle: what is sent before the start is served after it.
    pub fn worker<W: Handlers>(&mut self, spec: Spec<W>) -> W::Handle {
        let post = Arc::new(Post::new(
            Arc::clone(&spec.name),
            spec.mailbox,
            self.events.clone(),
            self.commands.clone(),
        ));
        let (worker, manager) = pair(&post, spec);
        self.children.push(Box::new(worker));
        self.children.push(Box::new(manager));
        self.nodes.push(Arc::<Post<W>>::clone(&post));
        W::Handle::from(Handle::new(post))
    }

    /// Starts the children, each after the one before is up: it owns its tables, and its start hook has succeeded.
    ///
    /// It runs on the tokio runtime it is called in, whose timer must be enabled. Dropping the future stops what has been
    /// started.
    ///
    /// # Errors
    /// [`StartError`] tells which child did not start, and why.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one whose timer is not enabled.
    pub async fn start(self) -> Result<Supervisor, StartError> {
        let mut names = HashSet::new();
        if let Some(node) = self.nodes.iter().find(|node| !names.insert(node.name())) {
            return Err(StartError::DuplicateName(Arc::clone(node.name())));
        }
        // Without a timer this panics here, in tokio's words, and not in every child.
        drop(tokio::time::sleep(Duration::ZERO));
        self.events.tell(self.observers);
        let limits = match self.intensity {
            u32::MAX => "one_for_one, any number of restarts".to_owned(),
            restarts => format!("one_for_one, {restarts} restarts in {:?}", self.period),
        };
        let intensity = Intensity::new(self.intensity, self.period);
        let run = Run::new(Arc::clone(&self.name), self.events, self.children, intensity, self.requests);
        let (started, up) = oneshot::channel();
        // Made before the first await: dropping this future drops it, and that stops the tree.
        let supervisor = Supervisor {
            name: self.name,
            commands: self.commands,
            task: Some(tokio::spawn(run.run(started))),
            report: None,
            nodes: self.nodes,
            limits,
        };
        match up.await {
            Ok(Ok(())) => Ok(supervisor),
            Ok(Err(error)) => Err(error),
            Err(_runtime_gone) => Err(StartError::Stopped(Stopped::Dropped)),
        }
    }
}

impl fmt::Debug for SupervisorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
