//! Everything at once, in an order that can be had again: nobody waits for ever, and nothing is lost.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::supervision::TreeNode;
use heir_runtime::{CallError, Status, SupervisorHandle};
use heir_tests::{Log, Random};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::grown::{Gardener, Kind};
use crate::member::{Member, MemberHandle};

/// Who is there by now, and what was answered; tables are known by the name of their worker.
#[derive(Default)]
struct Known {
    workers: Vec<MemberHandle>,
    sups: Vec<SupervisorHandle>,
    answered: HashMap<String, u64>,
    history: String,
}

type Shared = Arc<Mutex<Known>>;

/// One thing that somebody does, spawned: they overlap.
fn act(random: &mut Random, gardener: &mut Gardener, known: &Shared, acts: &mut JoinSet<String>) {
    let (worker, other, sup) = {
        let known = known.lock().unwrap();
        let worker = random.of_these(&known.workers).clone();
        let other = random.of_these(&known.workers).clone();
        (worker, other, random.of_these(&known.sups).clone())
    };
    let children = sup.which_children();
    // If it has none: nobody is called like that.
    let child = match &children[..] {
        [] => String::new(),
        children => random.of_these(children).name().to_owned(),
    };
    let is_root = sup.name() == known.lock().unwrap().sups[0].name();
    let what = random.below(20);
    let words = format!("{what} at {}, {}, {child}", worker.name(), sup.name());
    let _ = writeln!(known.lock().unwrap().history, "{words}");
    let known = Arc::clone(known);
    match what {
        0 | 1 => drop(worker.kill()),
        2 => drop(worker.kill_manager()),
        3 => drop((worker.kill_manager(), worker.kill())),
        4 if !is_root => drop(sup.kill()),
        5 => drop(acts.spawn(async move {
            let _ = worker.die().await;
            words
        })),
        6 => drop(acts.spawn(async move {
            let _ = worker.finish().await;
            words
        })),
        7 | 8 => drop(acts.spawn(async move {
            let _ = worker.restart().await;
            words
        })),
        9 => drop(acts.spawn(async move {
            worker.stop().await;
            words
        })),
        10 | 11 => drop(acts.spawn(async move {
            let _ = sup.terminate_child(&child).await;
            words
        })),
        12 | 13 => drop(acts.spawn(async move {
            let _ = sup.restart_child(&child).await;
            words
        })),
        14 => drop(acts.spawn(async move {
            let _ = sup.delete_child(&child).await;
            words
        })),
        15 => drop(acts.spawn({
            let spec = Member::spec(other.name().into(), gardener.log.clone()).crash_loop(None);
            async move {
                if let Ok(new) = sup.upgrade_child(&other, spec).await {
                    known.lock().unwrap().workers.push(new);
                }
                words
            }
        })),
        16 => drop(acts.spawn({
            let (spec, _) = gardener.worker();
            async move {
                if let Ok(new) = sup.start_child(spec).await {
                    known.lock().unwrap().workers.push(new);
                }
                words
            }
        })),
        _ => drop(acts.spawn(async move {
            match worker.count().await {
                Ok(_) => {
                    let name = worker.name().to_owned();
                    *known.lock().unwrap().answered.entry(name).or_default() += 1;
                }
                Err(CallError::Died { .. } | CallError::NotSent { .. } | CallError::Stopped { .. }) => {}
                Err(other) => panic!("{words}: {other}"),
            }
            words
        })),
    }
}

async fn jumble(mut random: Random) {
    let seed = random.to_string();
    let depth = 1 + random.below(3);
    let patient = random.below(3) > 0;
    let mut gardener =
        Gardener { random: random.clone(), log: Log::default(), patient, steady: false, named: 0 };
    let (tree, root) = gardener.root(depth + 1).await;
    let known = Shared::default();
    root.each(&mut |node| match &node.kind {
        Kind::Worker(worker) => known.lock().unwrap().workers.push(worker.handle.clone()),
        Kind::Sup(sup) => known.lock().unwrap().sups.push(sup.handle.clone()),
    });
    let picture = tree.tree();
    let context = |tree: String| format!("{seed}\n{picture}\n{}\n{tree}", known.lock().unwrap().history);
    let mut acts = JoinSet::new();
    for _ in 0..40 {
        act(&mut random, &mut gardener, &known, &mut acts);
        for _ in 0..random.below(12) {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(Duration::from_secs(60)).await;

    // Whoever is to run, and whose supervisors run, serves.
    let after = tree.tree();
    let mut trees = vec![&after];
    while let Some(tree) = trees.pop() {
        if tree.status != heir_runtime::supervision::SubtreeStatus::Running {
            continue;
        }
        for child in &tree.children {
            match child {
                TreeNode::Supervisor(tree) => trees.push(tree),
                TreeNode::Worker(worker) => {
                    let is_settled = matches!(
                        worker.status,
                        Status::Serving { .. } | Status::Terminated | Status::Stopped(_)
                    );
                    assert!(is_settled, "{}: {}\n{}", worker.name, worker.status, context(after.to_string()));
                }
                other => panic!("what is {other:?}"),
            }
        }
    }

    let report = tree.shutdown().await;
    assert_eq!((report.aborted, report.unresponsive), (vec![], vec![]), "{}", context(String::new()));
    while let Ok(Some(done)) = timeout(Duration::from_secs(60), acts.join_next()).await {
        done.unwrap();
    }
    assert!(acts.is_empty(), "somebody still waits: {}", context(after.to_string()));
    let (workers, mut answered) = {
        let known = known.lock().unwrap();
        (known.workers.clone(), known.answered.clone())
    };
    let mut claimed = Vec::new();
    for worker in workers {
        worker.wait_stopped().await;
        let Ok(tables) = worker.estate().claim("test") else {
            // Those that were given on have been claimed already.
            assert!(
                !answered.contains_key(worker.name()),
                "{}: {}",
                worker.name(),
                context(after.to_string())
            );
            continue;
        };
        let expected = answered.remove(worker.name()).unwrap_or(0);
        assert_eq!(
            [tables.count, tables.mirror],
            [expected; 2],
            "{}: {}",
            worker.name(),
            context(after.to_string())
        );
        claimed.push(tables);
    }
    assert!(answered.is_empty(), "{answered:?}: {}", context(after.to_string()));
}

#[tokio::test(start_paused = true)]
async fn whatever_overlaps_nobody_waits_for_ever() {
    for random in Random::each(500) {
        jumble(random).await;
    }
}
