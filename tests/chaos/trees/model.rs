//! One strike at a time, each compared with what OTP's rules say of it.

use std::fmt::Write;
use std::time::Duration;

use heir_runtime::supervision::{ChildError, TreeNode};
use heir_runtime::{Restart, Status, Stopped, Supervisor};
use heir_tests::{Log, Random};

use super::grown::{Gardener, Kind, Node, State};
use super::oracle::{How, Told};
use crate::member::{Member, MemberHandle};

/// Waits until everybody who can go on has, also after a back-off. The clock is paused: it moves on when nobody can.
async fn settled() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// A tree, what it is thought to be, and how that came about.
struct Trial {
    tree: Supervisor,
    root: Node,
    gardener: Gardener,
    history: String,
}

impl Trial {
    async fn new(random: Random, depth: u32, patient: bool) -> Self {
        let mut gardener = Gardener { random, log: Log::default(), patient, steady: false, named: 0 };
        let (tree, mut root) = gardener.root(depth).await;
        let mut told = Told::new();
        root.start(&mut told);
        let mut trial =
            Self { history: format!("{}\n{}", gardener.random, tree.tree()), tree, root, gardener };
        trial.compare(told).await;
        trial
    }

    /// Whether everything is as it is thought to be.
    async fn compare(&mut self, expected: Told) {
        settled().await;
        let told = self.gardener.log.take();
        let now = self.tree.tree();
        let history = &self.history;
        assert_eq!(told, expected, "{history}\n{now}");
        self.root.each(&mut |node| match &node.kind {
            Kind::Worker(worker) => {
                let (status, name) = (worker.handle.status(), &node.name);
                let is_right = match node.state {
                    State::Up => status == Status::Serving { incarnation: worker.incarnation },
                    State::Down => status == Status::Down,
                    State::Terminated => status == Status::Terminated,
                    State::Gone => matches!(status, Status::Stopped(_)),
                };
                assert!(
                    is_right,
                    "{name}: {status:?}, not {:?} {}\n{history}\n{now}",
                    node.state, worker.incarnation
                );
                assert_eq!(worker.handle.incarnation(), worker.incarnation, "{name}\n{history}\n{now}");
            }
            Kind::Sup(sup) if node.state == State::Up => {
                let children = sup.handle.which_children();
                let there: Vec<_> = children.iter().map(TreeNode::name).collect();
                // What was temporary has left no trace.
                let expected: Vec<_> = sup
                    .children
                    .iter()
                    .filter(|child| child.state != State::Gone || child.restart != Restart::Temporary)
                    .map(|child| &*child.name)
                    .collect();
                assert_eq!(there, expected, "{}\n{history}\n{now}", node.name);
            }
            Kind::Sup(_) => {}
        });
    }

    /// Everybody who is up counts once more, or is as it should be when it has stopped.
    async fn count(&mut self) {
        for path in self.root.paths() {
            let node = self.root.at(&path);
            if let (State::Up, Kind::Worker(worker)) = (node.state, &mut node.kind) {
                worker.count += 1;
                assert_eq!(
                    worker.handle.count().await.unwrap(),
                    worker.count,
                    "{}\n{}",
                    node.name,
                    self.history
                );
            }
        }
    }

    /// One strike at somebody, and what follows from it.
    async fn strike(&mut self) {
        let paths = self.root.paths();
        if paths.is_empty() {
            return;
        }
        let random = &mut self.gardener.random;
        let path = random.of_these(&paths);
        let kind = random.below(14);
        let (_, above) = path.split_last().expect("nobody strikes the root");
        let parent = self.root.at(above).sup().handle.clone();
        let node = self.root.at(path);
        let mut told = Told::new();
        let _ = write!(self.history, "\n{} at {}: ", kind, node.name);
        match (&mut node.kind, node.state, kind) {
            (Kind::Worker(worker), State::Up, 0 | 1) => {
                worker.handle.kill().expect("it lives");
                node.killed();
                self.root.ended(path, How::Otherwise, &mut told);
            }
            (Kind::Worker(worker), State::Up, 2) => {
                worker.handle.die().await.unwrap();
                node.killed();
                self.root.ended(path, How::Otherwise, &mut told);
            }
            (Kind::Worker(worker), State::Up, 3) => {
                worker.handle.finish().await.unwrap();
                node.stop(&mut told);
                self.root.ended(path, How::Normally, &mut told);
            }
            (Kind::Worker(worker), State::Up, 4 | 5) => {
                assert!(worker.handle.kill_manager());
                self.root.counts_a_restart(above, &mut told);
            }
            (Kind::Worker(worker), State::Up, 6) => {
                worker.handle.restart().await.unwrap();
                node.stop(&mut told);
                node.start(&mut told);
            }
            (Kind::Worker(worker), State::Terminated, 6) => {
                worker.handle.restart().await.unwrap();
                node.start(&mut told);
            }
            (Kind::Worker(worker), State::Up | State::Terminated, 7) => {
                let spec = Member::spec(node.name.clone(), self.gardener.log.clone());
                let new: MemberHandle =
                    parent.upgrade_child(&worker.handle, spec.restart(node.restart)).await.unwrap();
                assert_eq!(worker.handle.wait_stopped().await, Stopped::Upgraded);
                worker.handle = new;
                node.stop(&mut told);
                node.start(&mut told);
            }
            (Kind::Worker(worker), State::Up | State::Terminated, 8) => {
                assert_eq!(worker.handle.stop().await, Stopped::Shutdown);
                node.stop(&mut told);
                node.gone();
            }
            (Kind::Sup(sup), State::Up, 0..=4) => {
                assert!(sup.handle.kill());
                node.killed();
                self.root.ended(path, How::Otherwise, &mut told);
            }
            (Kind::Sup(sup), State::Up | State::Terminated, 5) => {
                assert_eq!(sup.handle.stop().await, Stopped::Shutdown);
                node.stop(&mut told);
                node.gone();
            }
            (Kind::Sup(_), State::Up, 6) => {
                self.add(path, &mut told).await;
            }
            (_, State::Up, 9 | 10) => {
                parent.terminate_child(&node.name).await.unwrap();
                node.stop(&mut told);
                match node.restart {
                    Restart::Temporary => node.gone(),
                    _ => node.state = State::Terminated,
                }
            }
            (_, State::Terminated, 9..=12) => {
                parent.restart_child(&node.name).await.unwrap();
                node.start(&mut told);
            }
            (_, State::Up, 11) => {
                let refused = parent.delete_child(&node.name).await.unwrap_err();
                assert_eq!(refused, ChildError::Running);
            }
            (_, State::Terminated | State::Gone, 13) if node.restart != Restart::Temporary => {
                parent.delete_child(&node.name).await.unwrap();
                node.gone();
                // It is not looked for any more; its tables still are.
                node.restart = Restart::Temporary;
            }
            _ => {
                let _ = write!(self.history, "nothing");
            }
        }
        self.compare(told).await;
    }

    /// One more child for this supervisor.
    async fn add(&mut self, path: &[usize], told: &mut Told) {
        let parent = self.root.at(path).sup().handle.clone();
        let mut added = if self.gardener.random.below(3) == 0 {
            let (sup, node) = self.gardener.sup(2);
            node(parent.start_child(sup).await.unwrap())
        } else {
            let (worker, node) = self.gardener.worker();
            node(parent.start_child(worker).await.unwrap())
        };
        added.start(told);
        self.root.at(path).sup_mut().children.push(added);
    }

    /// The end: last things first, and every table as it should be.
    async fn end(mut self) {
        let mut told = Told::new();
        self.root.stop(&mut told);
        let report = self.tree.shutdown().await;
        assert_eq!((report.aborted, report.unresponsive), (vec![], vec![]), "{}", self.history);
        assert_eq!(self.gardener.log.take(), told, "{}", self.history);
        self.root.each(&mut |node| {
            if let Kind::Worker(worker) = &node.kind {
                let tables = worker.handle.estate().claim("test").unwrap();
                let counts = [tables.count, tables.mirror];
                assert_eq!(counts, [worker.count; 2], "{}\n{}", node.name, self.history);
            }
        });
    }
}

/// How many trees each test grows.
const TREES: u32 = 250;
/// How many strikes each of them gets.
const STRIKES: u32 = 60;

/// One tree, from its first start to its end; returns how many members it had.
async fn trial(mut random: Random, patient: bool) -> u32 {
    let depth = 2 + random.below(3);
    let mut trial = Trial::new(random, depth, patient).await;
    for _ in 0..STRIKES {
        trial.strike().await;
        trial.count().await;
    }
    let members = trial.gardener.named;
    trial.end().await;
    members
}

async fn trials(patient: bool) {
    let (mut trees, mut members) = (0, 0);
    for random in Random::each(TREES) {
        members += trial(random, patient).await;
        trees += 1;
    }
    println!("{trees} trees, {members} members, {} strikes", trees * STRIKES);
}

#[tokio::test(start_paused = true)]
async fn who_restarts_is_who_otp_says_would() {
    trials(true).await;
}

#[tokio::test(start_paused = true)]
async fn who_restarts_is_who_otp_says_would_also_when_supervisors_give_up() {
    trials(false).await;
}
