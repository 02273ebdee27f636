//! A tree of any shape, and its members' handles.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::{Backoff, Restart, Spec, Strategy, Supervisor, SupervisorBuilder, SupervisorHandle};
use heir_tests::{Log, Random};

use crate::member::{Member, MemberHandle};

/// A member of a tree, as it is thought to be.
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) restart: Restart,
    pub(super) state: State,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Up,
    /// With its supervisor.
    Down,
    /// Until it is asked for.
    Terminated,
    /// For good.
    Gone,
}

pub(super) enum Kind {
    Worker(Worker),
    Sup(Sup),
}

pub(super) struct Worker {
    pub(super) handle: MemberHandle,
    /// How often it has been started.
    pub(super) incarnation: u64,
    /// How often it has counted.
    pub(super) count: u64,
}

pub(super) struct Sup {
    pub(super) handle: SupervisorHandle,
    pub(super) strategy: Strategy,
    pub(super) intensity: u32,
    /// How many restarts it has seen since it was started.
    pub(super) restarts: u32,
    pub(super) children: Vec<Node>,
}

/// Grows trees.
pub(super) struct Gardener {
    pub(super) random: Random,
    pub(super) log: Log,
    /// Whether supervisors never give up.
    pub(super) patient: bool,
    /// Whether everybody is permanent.
    pub(super) steady: bool,
    /// How many have been named.
    pub(super) named: u32,
}

impl Gardener {
    fn name(&mut self, kind: &str) -> Arc<str> {
        self.named += 1;
        format!("{kind}{}", self.named).into()
    }

    fn restart(&mut self) -> Restart {
        match self.random.below(8) {
            _ if self.steady => Restart::Permanent,
            0 => Restart::Temporary,
            1 | 2 => Restart::Transient,
            _ => Restart::Permanent,
        }
    }

    fn backoff(&mut self) -> Backoff {
        match self.random.below(6) {
            0 => Backoff::Fixed(Duration::from_millis(2)),
            _ => Backoff::None,
        }
    }

    /// A worker to be, with how it is thought to be once it has started.
    pub(super) fn worker(&mut self) -> (Spec<Member>, impl FnOnce(MemberHandle) -> Node + use<>) {
        let (name, restart, backoff) = (self.name("w"), self.restart(), self.backoff());
        let spec = Member::spec(Arc::clone(&name), self.log.clone())
            .name(Arc::clone(&name))
            .restart(restart)
            .backoff(backoff)
            // Whoever is killed in its start hook says nothing of its tables.
            .crash_loop(None);
        let node = move |handle| {
            let worker = Worker { handle, incarnation: 0, count: 0 };
            Node { name, restart, state: State::Down, kind: Kind::Worker(worker) }
        };
        (spec, node)
    }

    /// A supervisor to be, with its children.
    pub(super) fn sup(
        &mut self,
        depth: u32,
    ) -> (SupervisorBuilder, impl FnOnce(SupervisorHandle) -> Node + use<>) {
        let (name, restart, backoff) = (self.name("s"), self.restart(), self.backoff());
        let strategy =
            *self.random.of_these(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
        let intensity = if self.patient { u32::MAX } else { *self.random.of_these(&[0, 1, 3, u32::MAX]) };
        let mut builder = Supervisor::builder(Arc::clone(&name))
            .strategy(strategy)
            .intensity(intensity)
            .period(Duration::from_secs(1_000_000))
            .restart(restart)
            .backoff(backoff);
        let mut children = Vec::new();
        for _ in 0..=self.random.below(4) {
            if depth > 1 && self.random.below(5) < 2 {
                let (sup, node) = self.sup(depth - 1);
                children.push(node(builder.child(sup)));
            } else {
                let (worker, node) = self.worker();
                children.push(node(builder.child(worker)));
            }
        }
        let node = move |handle| {
            let sup = Sup { handle, strategy, intensity, restarts: 0, children };
            Node { name, restart, state: State::Down, kind: Kind::Sup(sup) }
        };
        (builder, node)
    }

    /// A root, with at least one subtree.
    pub(super) async fn root(&mut self, depth: u32) -> (Supervisor, Node) {
        let (mut builder, node) = self.sup(depth);
        let (sub, last) = self.sup(depth - 1);
        let last = last(builder.child(sub));
        let tree = builder.start().await.expect("nothing speaks against it");
        let mut root = node(SupervisorHandle::clone(&tree));
        root.sup_mut().children.push(last);
        (tree, root)
    }
}

impl Node {
    pub(super) fn sup(&self) -> &Sup {
        match &self.kind {
            Kind::Sup(sup) => sup,
            Kind::Worker(_) => unreachable!("{} is a worker", self.name),
        }
    }

    pub(super) fn sup_mut(&mut self) -> &mut Sup {
        match &mut self.kind {
            Kind::Sup(sup) => sup,
            Kind::Worker(_) => unreachable!("{} is a worker", self.name),
        }
    }

    /// Whoever is at the end of this path.
    pub(super) fn at(&mut self, path: &[usize]) -> &mut Self {
        path.iter().fold(self, |node, index| &mut node.sup_mut().children[*index])
    }

    /// It, and everybody below it, in the order in which they are started.
    pub(super) fn each(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        if let Kind::Sup(sup) = &self.kind {
            for child in &sup.children {
                child.each(visit);
            }
        }
    }

    /// The ways to everybody below it whose supervisors are all up.
    pub(super) fn paths(&self) -> Vec<Vec<usize>> {
        let mut paths = Vec::new();
        if let Kind::Sup(sup) = &self.kind
            && self.state == State::Up
        {
            for (index, child) in sup.children.iter().enumerate() {
                paths.push(vec![index]);
                paths.extend(child.paths().into_iter().map(|path| [vec![index], path].concat()));
            }
        }
        paths
    }
}
