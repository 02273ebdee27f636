//! The end of a root: what it waits for, how long it may take, and the exit code of its program.

use std::future::{pending, ready};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::supervision::{AutoShutdown, ShutdownReport};
use heir_runtime::{Dynamic, Restart, Shutdown, Spec, Status, Stopped, Supervisor, SupervisorBuilder};
use heir_tests::waits::{in_time, quiet, wait_until};
use heir_tests::{Log, Recorder, event, overdue};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::actor::{Actor, ActorHandle, Stage};
use super::health::Stubborn;
use super::{Member, member, members};

const BOUND: Duration = Duration::from_secs(3);

/// An actor that may take for ever to stop.
fn actor(name: &'static str, stage: &Stage) -> Spec<Actor> {
    Actor::spec(stage.clone()).name(name).shutdown(Shutdown::Timeout(Duration::MAX))
}

/// A tree with a child, a subtree and a dynamic supervisor; and the workers.
async fn tree(stage: &Stage, shutdown: Shutdown) -> (Supervisor, [ActorHandle; 4]) {
    let mut tree = Supervisor::builder("app").shutdown(shutdown);
    let (mut io, mut below) = (Supervisor::builder("io"), Supervisor::builder("below"));
    let first = tree.worker(actor("first", stage));
    let deep = below.worker(actor("deep", stage));
    io.child(below);
    tree.child(io);
    let keys = tree.child(Dynamic::<u8, Actor>::spec());
    let last = tree.worker(actor("last", stage));
    let tree = tree.start().await.unwrap();
    let key = keys.start(1, actor("key", stage)).await.unwrap();
    (tree, [first, deep, key, last])
}

fn is_success(report: &ShutdownReport) -> bool {
    let [code, from] = [report.exit_code(), ExitCode::from(report.clone())].map(|code| format!("{code:?}"));
    assert_eq!(code, from);
    code == format!("{:?}", ExitCode::SUCCESS)
}

#[tokio::test(start_paused = true)]
async fn when_the_bound_of_a_root_is_over_all_who_have_not_ended_are_aborted_and_named() {
    let stage = Stage::holding_its_stop();
    let (tree, actors) = tree(&stage, Shutdown::Timeout(BOUND)).await;
    let begun = Instant::now();
    let report = tree.shutdown().await;
    assert_eq!(begun.elapsed(), BOUND);
    let aborted =
        [("last", Role::Worker), ("first", Role::Worker), ("key[1]", Role::Worker), ("deep", Role::Worker)];
    assert_eq!(overdue(&report.aborted), aborted);
    assert_eq!(
        (&report.why, &*report.unresponsive, is_success(&report)),
        (&Stopped::Shutdown, &[][..], false)
    );
    for actor in actors {
        assert_eq!(actor.wait_stopped().await, Stopped::Shutdown);
        drop(actor.estate().claim("test").unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn of_children_that_were_down_before_the_bound_was_over_nothing_is_told_again() {
    let recorder = Recorder::default();
    let mut tree = Supervisor::builder("app").shutdown(Shutdown::BrutalKill).observe(recorder.observer());
    let keys = tree.child(Dynamic::<u8, Member>::spec().intensity(0));
    tree.worker(member("one", &Log::default()));
    let tree = tree.start().await.unwrap();
    let bad = keys.start(1, member("key", &Log::default())).await.unwrap();
    bad.die().await.unwrap();
    in_time(wait_until(|| matches!(bad.status(), Status::GaveUp(_)))).await;
    tree.terminate_child("one").await.unwrap();
    tree.shutdown().await;
    assert_eq!((recorder.count(event!(Terminated)), recorder.count(event!(GaveUpOn { .. }))), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn only_who_was_asked_before_the_bound_was_over_has_run_its_stop_hook() {
    let (held, free) = (Stage::holding_its_stop(), Stage::free());
    let mut tree = Supervisor::builder("app").shutdown(Shutdown::Timeout(BOUND));
    tree.worker(actor("free", &free));
    tree.worker(actor("held", &held));
    let tree = tree.start().await.unwrap();
    let report = tree.shutdown().await;
    assert_eq!(overdue(&report.aborted), [("held", Role::Worker), ("free", Role::Worker)]);
    let asked = tokio::time::timeout(Duration::ZERO, free.stopping.notified()).await;
    assert!(asked.is_err(), "its turn has not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_does_not_yield_after_the_bound_is_left_behind_also_deep_in_the_tree() {
    let (release, released) = channel();
    let blocks = Arc::new(Notify::new());
    let mut tree = Supervisor::builder("app").shutdown(Shutdown::Timeout(Duration::from_millis(10)));
    let (mut io, mut below) = (Supervisor::builder("io"), Supervisor::builder("below"));
    let spec = Stubborn::spec(Arc::clone(&blocks), Arc::new(Mutex::new(released)));
    let stubborn = below.worker(spec.name("stubborn"));
    io.child(below);
    tree.child(io);
    let tree = tree.start().await.unwrap();
    stubborn.block().await.unwrap();
    blocks.notified().await;
    let report = tree.shutdown().await;
    let left = [("stubborn", Role::Worker)];
    assert_eq!((overdue(&report.aborted), overdue(&report.unresponsive)), (left.to_vec(), left.to_vec()));
    assert!(!is_success(&report));
    let worker = "the worker of `stubborn`";
    assert_eq!(
        report.to_string(),
        format!(
            "the tree was asked to stop; aborted, because it did not stop in time: {worker}; \
             left behind, because it does not yield to the runtime: {worker}"
        )
    );
    release.send(()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn within_the_bound_of_a_root_each_child_has_its_own_time() {
    let (held, free) = (Stage::holding_its_stop(), Stage::free());
    let second = Duration::from_secs(1);
    let mut tree = Supervisor::builder("app").shutdown(Shutdown::Timeout(BOUND));
    tree.worker(actor("free", &free));
    tree.worker(actor("held", &held).shutdown(Shutdown::Timeout(second)));
    let tree = tree.start().await.unwrap();
    let begun = Instant::now();
    let report = tree.shutdown().await;
    assert_eq!((begun.elapsed(), overdue(&report.aborted)), (second, vec![("held", Role::Worker)]));
    free.stopping.notified().await;
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_ends_in_time_does_not_wait_for_its_bound() {
    let (tree, _) = tree(&Stage::free(), Shutdown::Timeout(BOUND)).await;
    let begun = Instant::now();
    let report = tree.shutdown().await;
    assert!(begun.elapsed() < BOUND && is_success(&report), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_root_whose_shutdown_is_a_brutal_kill_aborts_all_at_once_and_names_nobody() {
    let stage = Stage::holding_its_stop();
    let (tree, actors) = tree(&stage, Shutdown::BrutalKill).await;
    let begun = Instant::now();
    let report = tree.shutdown().await;
    assert_eq!((begun.elapsed(), &*report.aborted), (Duration::ZERO, &[][..]));
    assert!(is_success(&report));
    for actor in actors {
        assert_eq!(actor.wait_stopped().await, Stopped::Shutdown);
        drop(actor.estate().claim("test").unwrap());
    }
    assert!(tokio::time::timeout(Duration::ZERO, stage.stopping.notified()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_is_to_be_killed_brutally_is_not_late_at_the_bound() {
    let held = Stage::holding_its_stop();
    let mut tree = Supervisor::builder("app").shutdown(Shutdown::Timeout(BOUND));
    tree.worker(actor("brutal", &held).shutdown(Shutdown::BrutalKill));
    tree.worker(actor("held", &held));
    let report = tree.start().await.unwrap().shutdown().await;
    assert_eq!(overdue(&report.aborted), [("held", Role::Worker)]);
}

#[tokio::test(start_paused = true)]
async fn the_bound_holds_for_every_end_of_a_root() {
    let log = Log::default();
    for end in ["stopped", "dropped", "gave up"] {
        let stage = Stage::holding_its_stop();
        let mut tree = Supervisor::builder("app").intensity(0).shutdown(Shutdown::Timeout(BOUND));
        let held = tree.worker(actor("held", &stage));
        let member = tree.worker(member("member", &log));
        let mut tree = tree.start().await.unwrap();
        let begun = Instant::now();
        let why = match end {
            "stopped" => tree.stop().await,
            "dropped" => {
                drop(tree);
                held.wait_stopped().await
            }
            _ => {
                member.die().await.unwrap();
                tree.wait().await.why
            }
        };
        assert!(why != Stopped::Shutdown || end == "stopped", "{why}");
        // A worker that is closed says so at once, and has its tables until it is aborted.
        while held.estate().claim("test").is_err() {
            quiet().await;
        }
        assert_eq!(begun.elapsed().as_secs(), 3, "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_of_a_subtree_is_for_its_own_supervisor_and_not_for_its_own_end() {
    let stage = Stage::holding_its_stop();
    let mut tree = Supervisor::builder("app");
    let mut below = Supervisor::builder("below").intensity(0).shutdown(Shutdown::Timeout(BOUND));
    let held = below.worker(actor("held", &stage));
    let log = Log::default();
    let [member] = members(&mut below, &log, ["member"]);
    let below = tree.child(below);
    let tree = tree.start().await.unwrap();
    member.die().await.unwrap();
    stage.stopping.notified().await;
    tokio::time::sleep(BOUND * 2).await;
    assert!(held.estate().owner().is_some(), "{:?}", below.status());
    stage.go_on.notify_one();
    held.wait_serving(2).await.unwrap();
    stage.go_on.notify_one();
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn run_until_stops_the_tree_when_its_future_is_ready() {
    let (tree, actors) = tree(&Stage::free(), Shutdown::Timeout(BOUND)).await;
    let stop = Arc::new(Notify::new());
    let runs = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move { tree.run_until(async move { stop.notified().await }).await }
    });
    quiet().await;
    assert!(!runs.is_finished() && actors[0].count().await.is_ok());
    stop.notify_one();
    let report = runs.await.unwrap();
    assert!(report.why == Stopped::Shutdown && is_success(&report));
    assert_eq!(actors[0].wait_stopped().await, Stopped::Shutdown);
    assert_eq!(Arc::strong_count(&stop), 1, "the future is dropped");
}

#[tokio::test(start_paused = true)]
async fn run_until_asks_for_the_stop_also_if_its_future_is_ready_at_once() {
    let (tree, _) = tree(&Stage::free(), Shutdown::Timeout(BOUND)).await;
    assert_eq!(tree.run_until(ready(())).await.why, Stopped::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn run_until_returns_when_the_tree_has_ended_by_itself_and_the_report_says_why() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").intensity(0);
    let [member] = members(&mut tree, &log, ["a"]);
    let tree = tree.start().await.unwrap();
    member.die().await.unwrap();
    let report = in_time(tree.run_until(pending())).await;
    assert!(matches!(report.why, Stopped::GaveUp(_)) && !is_success(&report));

    let mut tree = Supervisor::builder("app").auto_shutdown(AutoShutdown::AnySignificant);
    let member = tree.worker(super::member("a", &log).restart(Restart::Transient).significant(true));
    let tree = tree.start().await.unwrap();
    member.finish().await.unwrap();
    let report = in_time(tree.run_until(pending())).await;
    assert_eq!(report.why, Stopped::Significant("a".into()));
    assert!(is_success(&report), "that is its end");
    assert_eq!(report.to_string(), "the tree ended with its significant child `a`");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_drops_run_until_stops_its_tree() {
    let (tree, actors) = tree(&Stage::free(), Shutdown::Timeout(BOUND)).await;
    assert!(tokio::time::timeout(BOUND, tree.run_until(pending())).await.is_err());
    assert_eq!(actors[0].wait_stopped().await, Stopped::Dropped);
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_was_killed_is_a_failure_of_its_program() {
    let (mut tree, _) = tree(&Stage::free(), Shutdown::Timeout(BOUND)).await;
    assert!(tree.kill());
    let report = tree.wait().await;
    assert_eq!(report.to_string(), "the tree was dropped or killed, or its tokio runtime ended");
    assert!(!is_success(&report));
}

#[tokio::test(start_paused = true)]
async fn of_very_many_who_did_not_stop_in_time_a_report_names_ten_in_words() {
    let stage = Stage::holding_its_stop();
    let mut tree: SupervisorBuilder = Supervisor::builder("app").shutdown(Shutdown::Timeout(BOUND));
    let keys = tree.child(Dynamic::<u8, Actor>::spec());
    let tree = tree.start().await.unwrap();
    for key in 0..12 {
        keys.start(key, actor("key", &stage)).await.unwrap();
    }
    let said = tree.shutdown().await.to_string();
    let begins =
        "the tree was asked to stop; aborted, because it did not stop in time: the worker of `key[11]`, ";
    assert!(said.starts_with(begins) && said.ends_with(", the worker of `key[2]` and 2 more"), "{said}");
}
