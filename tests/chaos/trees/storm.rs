//! Strikes at everybody in a tree, from several threads at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use heir_runtime::supervision::{ChildError, SubtreeStatus};
use heir_runtime::{CallError, Stopped, Supervisor, SupervisorHandle};
use heir_tests::waits::wait_until;
use heir_tests::{Log, Random};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::grown::{Gardener, Kind, Node};
use crate::member::MemberHandle;

/// How many strikes of a storm hit.
const ENOUGH: u32 = 1_000;

/// Everybody in a tree, for whoever strikes, and whoever calls.
struct Crowd {
    workers: Vec<Called>,
    /// The root first.
    sups: Vec<SupervisorHandle>,
    strikes: AtomicU32,
    /// Told once, when that is enough.
    enough: Notify,
    died: AtomicU64,
    is_over: AtomicBool,
}

struct Called {
    handle: MemberHandle,
    answered: AtomicU64,
}

impl Crowd {
    async fn gather(random: &Random) -> (Supervisor, Arc<Self>) {
        let mut gardener =
            Gardener { random: random.clone(), log: Log::default(), patient: true, steady: true, named: 0 };
        let (tree, root) = gardener.root(4).await;
        let (mut workers, mut sups) = (Vec::new(), Vec::new());
        root.each(&mut |Node { kind, .. }| match kind {
            Kind::Worker(worker) => {
                workers.push(Called { handle: worker.handle.clone(), answered: AtomicU64::new(0) });
            }
            Kind::Sup(sup) => sups.push(sup.handle.clone()),
        });
        let (strikes, died) = (AtomicU32::new(0), AtomicU64::new(0));
        (
            tree,
            Arc::new(Self {
                workers,
                sups,
                strikes,
                died,
                is_over: AtomicBool::new(false),
                enough: Notify::new(),
            }),
        )
    }

    /// Counts with whoever comes next, until the storm is over, or the tree has ended.
    async fn call(self: Arc<Self>, mut random: Random) {
        while !self.is_over.load(Ordering::Relaxed) {
            let called = random.of_these(&self.workers);
            match called.handle.count().await {
                Ok(_) => called.answered.fetch_add(1, Ordering::Relaxed),
                Err(CallError::Died { .. }) => self.died.fetch_add(1, Ordering::Relaxed),
                Err(CallError::NotSent { .. } | CallError::Stopped { .. }) => return,
                Err(other) => panic!("neither answered, nor died, nor stopped: {other}"),
            };
        }
    }

    /// One strike at somebody.
    async fn strike(&self, random: &mut Random) {
        let worker = &random.of_these(&self.workers).handle;
        let below_the_root = random.below(self.sups.len() as u32 - 1) as usize + 1;
        let sup = random.of_these(&self.sups);
        let hit = match random.below(16) {
            0..=5 => worker.kill().is_some(),
            6 | 7 => worker.kill_manager(),
            8 => worker.kill_manager() | worker.kill().is_some(),
            9 => worker.die().await.is_ok(),
            10 => self.within(worker.restart()).await,
            11..=13 => self.sups[below_the_root].kill(),
            _ => {
                let children = sup.which_children();
                let child = random.of_these(&children);
                self.within(sup.terminate_child(child.name())).await;
                self.within(sup.restart_child(child.name())).await
            }
        };
        if hit && self.strikes.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH {
            self.enough.notify_one();
        }
    }

    /// Whether it came about. A request to a supervisor that is itself terminated waits with it.
    async fn within<R, E>(&self, what: impl Future<Output = Result<R, E>>) -> bool {
        matches!(timeout(Duration::from_millis(50), what).await, Ok(Ok(_)))
    }

    /// Has everybody up again, from the root down. A tree that has ended stays so.
    ///
    /// The requests that strikers did not wait for are still to come: behind all of them, each
    /// child is terminated, and then started. A death that a supervisor has not heard of yet may
    /// stop others meanwhile: then all of it is done once more.
    async fn recover(&self) {
        while !matches!(self.sups[0].status(), SubtreeStatus::Stopped(_)) && !self.is_up_again().await {}
    }

    /// Has every child terminated and started again. Says whether nothing came between.
    async fn is_up_again(&self) -> bool {
        let mut undisturbed = true;
        for sup in &self.sups {
            for child in sup.which_children() {
                sup.terminate_child(child.name()).await.unwrap();
                match sup.restart_child(child.name()).await {
                    // It was started with its siblings.
                    Ok(()) | Err(ChildError::Running) => {}
                    Err(ChildError::Ending) => undisturbed = false,
                    Err(other) => panic!("{}: {other}", child.name()),
                }
            }
        }
        undisturbed
    }
}

/// Strikers and callers over one tree, while `meanwhile` goes on.
async fn storm(random: &mut Random, crowd: &Arc<Crowd>, meanwhile: impl Future<Output = ()>) {
    let (mut strikers, mut callers) = (JoinSet::new(), JoinSet::new());
    for _ in 0..6 {
        callers.spawn(Arc::clone(crowd).call(random.another()));
    }
    for _ in 0..3 {
        let (crowd, mut random) = (Arc::clone(crowd), random.another());
        strikers.spawn(async move {
            while !crowd.is_over.load(Ordering::Relaxed) {
                crowd.strike(&mut random).await;
                tokio::task::yield_now().await;
            }
        });
    }
    meanwhile.await;
    crowd.is_over.store(true, Ordering::Relaxed);
    strikers.join_all().await;
    crowd.recover().await;
    callers.join_all().await;
}

/// When the tables of a tree can be claimed.
#[derive(Clone, Copy)]
enum Home {
    /// Once their worker has stopped.
    AtOnce,
    /// When the last task has let go, of a root that was killed: a manager that is polled at that moment
    /// may still give them to an incarnation.
    Later,
}

/// Every answered call is in the tables exactly once, and nothing is torn. Returns how many calls
/// were answered.
async fn settle(crowd: &Crowd, context: &str, home: Home) -> u64 {
    let mut answered = 0;
    for called in &crowd.workers {
        called.handle.wait_stopped().await;
        let estate = called.handle.estate();
        let mut claimed = estate.claim("test");
        if let Home::Later = home {
            wait_until(|| {
                if claimed.is_err() {
                    claimed = estate.claim("test");
                }
                claimed.is_ok()
            })
            .await;
        }
        let tables = claimed.unwrap();
        let expected = called.answered.load(Ordering::Relaxed);
        assert_eq!([tables.count, tables.mirror], [expected; 2], "{}: {context}", called.handle.name());
        answered += expected;
    }
    answered
}

/// Whatever is waited for comes: nothing here takes nearly as long. If it does not, the test says
/// what the tree looks like then.
async fn in_time<R>(crowd: &Crowd, context: &str, what: impl Future<Output = R>) -> R {
    let outcome = timeout(Duration::from_secs(60), what).await;
    outcome.unwrap_or_else(|_| panic!("waited for ever: {context}\nnow {}", crowd.sups[0].tree()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_over_a_whole_tree_loses_nothing() {
    let mut random = Random::new();
    let (mut answered, mut strikes, mut died) = (0, 0, 0);
    for _ in 0..10 {
        let (tree, crowd) = Crowd::gather(&random).await;
        let context = format!("{random}\n{}", tree.tree());
        in_time(&crowd, &context, storm(&mut random, &crowd, crowd.enough.notified())).await;
        for called in &crowd.workers {
            let name = called.handle.name();
            let after = in_time(&crowd, &format!("{name}: {context}"), called.handle.count()).await;
            assert!(after.is_ok(), "{name}: {context}");
            called.answered.fetch_add(1, Ordering::Relaxed);
        }
        let report = in_time(&crowd, &context, tree.shutdown()).await;
        assert_eq!((report.why, report.aborted, report.unresponsive), (Stopped::Shutdown, vec![], vec![]));
        answered += in_time(&crowd, &context, settle(&crowd, &context, Home::AtOnce)).await;
        strikes += crowd.strikes.load(Ordering::Relaxed);
        died += crowd.died.load(Ordering::Relaxed);
    }
    println!("10 trees, {strikes} strikes hit, {answered} calls answered, {died} told that the worker died");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_shut_down_in_the_middle_of_a_storm_loses_nothing() {
    let mut random = Random::new();
    let mut answered = 0;
    for turn in 0..100 {
        let (tree, crowd) = Crowd::gather(&random).await;
        let context = format!("{random}\n{}", tree.tree());
        let end = async {
            tokio::time::sleep(Duration::from_millis(turn % 10)).await;
            match turn % 3 {
                0 => drop(tree),
                1 => assert!(tree.kill()),
                _ => assert_eq!(tree.shutdown().await.unresponsive, []),
            }
            crowd.sups[0].wait_stopped().await;
        };
        in_time(&crowd, &context, storm(&mut random, &crowd, end)).await;
        answered += in_time(&crowd, &context, settle(&crowd, &context, Home::Later)).await;
    }
    println!("100 trees, {answered} calls answered");
}
