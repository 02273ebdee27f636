//! Readiness and health: what a service tells those who run it.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::supervision::{Ailment, Health, Problem};
use heir_runtime::{
    AfterQuarantine, Backoff, Dynamic, Exit, ExitReason, Restart, Shutdown, Spec, Status, Stopped, Strategy,
    Supervisor, SupervisorBuilder, SupervisorHandle, Verdict, handlers, heir,
};
use heir_tests::Log;
use heir_tests::waits::{in_time, quiet, wait_until};
use tokio::sync::Notify;

use super::actor::{Actor, Stage};
use super::{member, members};

fn actor(name: &'static str, stage: &Stage) -> Spec<Actor> {
    Actor::spec(stage.clone()).name(name)
}

/// The problems, as they are read.
fn problems(health: &Health) -> Vec<(&str, &Ailment)> {
    health.problems.iter().map(|Problem { path, ailment, .. }| (&**path, ailment)).collect()
}

#[track_caller]
fn assert_well(tree: &SupervisorHandle) {
    let health = tree.health();
    assert!(health.ready && health.alive && health.problems.is_empty() && health.more == 0, "{health}");
    assert_eq!(health.to_string(), "ready and alive");
}

/// The tree has this one problem.
#[track_caller]
fn assert_has(tree: &SupervisorHandle, ready_and_alive: (bool, bool), path: &str, ailment: &Ailment) {
    let health = tree.health();
    assert_eq!((health.ready, health.alive), ready_and_alive, "{health}");
    assert_eq!((problems(&health), health.more), (vec![(path, ailment)], 0));
}

const NOT_READY: (bool, bool) = (false, true);

/// The builder, and the handle that its tree is going to have.
fn with_handle(tree: SupervisorBuilder) -> (SupervisorBuilder, SupervisorHandle) {
    let mut kept = None;
    let tree = tree.declared(|handle| {
        kept = Some(handle.clone());
        handle
    });
    (tree, kept.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_ready_when_all_its_children_are_up_and_says_who_is_not() {
    let stage = Stage::holding_its_start();
    let mut tree = Supervisor::builder("app");
    let mut shop = Supervisor::builder("shop");
    tree.worker(actor("first", &Stage::free()));
    shop.worker(actor("stock", &stage));
    tree.child(shop);
    tree.worker(actor("last", &Stage::free()));
    let (tree, handle) = with_handle(tree);
    assert!(!handle.health().ready && handle.health().alive);
    let starts = tokio::spawn(tree.start());
    stage.starting.notified().await;
    let health = handle.health();
    assert_eq!((health.ready, health.alive), NOT_READY);
    let expected = [
        ("app", &Ailment::Starting),
        ("app/shop", &Ailment::Starting),
        ("app/shop/stock", &Ailment::Starting),
        ("app/last", &Ailment::Down),
    ];
    assert_eq!(problems(&health), expected);
    assert_eq!(
        health.to_string(),
        "alive, and not ready: app is starting; app/shop is starting; app/shop/stock is starting; app/last is down"
    );
    stage.go_on.notify_one();
    let tree = starts.await.unwrap().unwrap();
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_restarted_after_it_was_up_is_well() {
    let stage = Stage::holding_its_start();
    stage.go_on.notify_one();
    let mut tree = Supervisor::builder("app");
    let mut shop = Supervisor::builder("shop").backoff(Backoff::Fixed(Duration::from_secs(1)));
    let stock = shop.worker(actor("stock", &stage).backoff(Backoff::Fixed(Duration::from_secs(1))));
    let shop = tree.child(shop);
    let tree = tree.start().await.unwrap();
    stage.starting.notified().await;

    stock.kill();
    wait_until(|| stock.status() == Status::Down).await;
    assert_well(&tree);
    stage.starting.notified().await;
    assert_eq!(stock.status(), Status::Starting { incarnation: 2 });
    assert_well(&tree);
    stage.go_on.notify_one();
    stock.wait_serving(2).await.unwrap();
    assert_well(&tree);

    assert!(shop.kill());
    quiet().await;
    assert_well(&tree);
    stage.starting.notified().await;
    assert_eq!(stock.status(), Status::Starting { incarnation: 3 });
    assert_well(&tree);
    stage.go_on.notify_one();
    stock.wait_serving(3).await.unwrap();
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_restart_has_failed_is_not_well_until_it_serves() {
    let stage = Stage::free();
    let mut tree = Supervisor::builder("app");
    let stock = tree.worker(actor("stock", &stage).backoff(Backoff::Fixed(Duration::from_secs(1))));
    let tree = tree.start().await.unwrap();
    stage.starting.notified().await;
    stage.fails.store(1, Ordering::Relaxed);
    stock.kill();
    stage.starting.notified().await;
    wait_until(|| stock.status() == Status::Down).await;
    assert_has(&tree, NOT_READY, "app/stock", &Ailment::Down);
    stock.wait_serving(3).await.unwrap();
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_starts_after_a_start_that_failed_is_starting() {
    let stage = Stage::holding_its_start();
    stage.go_on.notify_one();
    let mut tree = Supervisor::builder("app");
    let stock = tree.worker(actor("stock", &stage));
    let tree = tree.start().await.unwrap();
    stage.starting.notified().await;
    stage.fails.store(1, Ordering::Relaxed);
    stock.kill();
    stage.starting.notified().await;
    stage.go_on.notify_one();
    stage.starting.notified().await;
    assert_eq!(stock.status(), Status::Starting { incarnation: 3 });
    assert_has(&tree, NOT_READY, "app/stock", &Ailment::Starting);
    stage.go_on.notify_one();
    stock.wait_serving(3).await.unwrap();
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_does_not_come_up_again_is_not_well() {
    let (free, stage) = (Stage::free(), Stage::holding_its_start());
    stage.go_on.notify_one();
    let mut tree = Supervisor::builder("app");
    let mut shop = Supervisor::builder("shop").backoff(Backoff::Fixed(Duration::from_secs(1)));
    shop.worker(actor("first", &free));
    let stock = shop.worker(actor("stock", &stage));
    let shop = tree.child(shop);
    let tree = tree.start().await.unwrap();
    stage.starting.notified().await;
    // The next life of the supervisor fails, and the one after that hangs.
    stage.fails.store(1, Ordering::Relaxed);
    shop.kill();
    stage.starting.notified().await;
    stage.go_on.notify_one();
    quiet().await;
    let health = tree.health();
    assert_eq!(problems(&health), [("app/shop", &Ailment::Down), ("app/shop/stock", &Ailment::Down)]);
    stage.starting.notified().await;
    let health = tree.health();
    assert_eq!(problems(&health), [("app/shop", &Ailment::Starting), ("app/shop/stock", &Ailment::Starting)]);
    assert_eq!((health.ready, health.alive), NOT_READY);
    stage.go_on.notify_one();
    stock.wait_serving(3).await.unwrap();
    quiet().await;
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_terminated_is_not_ready_and_is_one_problem_with_all_below_it() {
    let mut tree = Supervisor::builder("app");
    let (mut shop, mut back) = (Supervisor::builder("shop"), Supervisor::builder("back"));
    back.worker(actor("stock", &Stage::free()));
    shop.child(back);
    tree.child(shop);
    let alone = tree.worker(actor("alone", &Stage::free()));
    let tree = tree.start().await.unwrap();
    for child in ["shop", "alone"] {
        tree.terminate_child(child).await.unwrap();
        assert_has(&tree, NOT_READY, &format!("app/{child}"), &Ailment::Terminated);
        tree.restart_child(child).await.unwrap();
        assert_well(&tree);
    }
    tree.terminate_child("alone").await.unwrap();
    assert_eq!(
        tree.health().to_string(),
        "alive, and not ready: app/alone was terminated, and has not been restarted"
    );
    let restarts = tokio::spawn({
        let tree = SupervisorHandle::clone(&tree);
        async move { tree.restart_child("alone").await }
    });
    restarts.await.unwrap().unwrap();
    alone.pause().await.unwrap();
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_stopped_or_has_ended_as_it_may_is_no_problem() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let [stopped] = members(&mut tree, &log, ["stopped"]);
    let transient = tree.worker(member("transient", &log).restart(Restart::Transient));
    let temporary = tree.worker(member("temporary", &log).restart(Restart::Temporary));
    let mut below = Supervisor::builder("below");
    below.worker(member("inside", &log));
    let below = tree.child(below);
    let tree = tree.start().await.unwrap();
    stopped.stop().await;
    transient.finish().await.unwrap();
    transient.wait_stopped().await;
    temporary.die().await.unwrap();
    temporary.wait_stopped().await;
    below.stop().await;
    assert_well(&tree);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_gave_up_and_is_not_restarted_is_not_ready() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let mut shop = Supervisor::builder("shop").intensity(0).restart(Restart::Transient);
    let [stock] = members(&mut shop, &log, ["stock"]);
    let shop = tree.child(shop);
    let tree = tree.start().await.unwrap();
    stock.die().await.unwrap();
    let why = shop.wait_stopped().await;
    assert!(matches!(why, Stopped::Ended(ExitReason::ShutdownWith(_))), "{why}");
    assert_has(&tree, NOT_READY, "app/shop", &Ailment::Stopped(why.clone()));
    // Of the supervisor that is asked, its end for good is the end.
    assert_has(&shop, (false, false), "shop", &Ailment::Stopped(why));
}

#[tokio::test(start_paused = true)]
async fn a_root_that_gave_up_is_neither_ready_nor_alive() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").intensity(0);
    let [stock] = members(&mut tree, &log, ["stock"]);
    let mut tree = tree.start().await.unwrap();
    stock.die().await.unwrap();
    let why = tree.wait().await.why;
    let health = tree.health();
    assert_eq!((health.ready, health.alive), (false, false));
    assert_eq!(health.problems[0].to_string(), format!("app has stopped for good: {why}"));
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_is_being_stopped_is_not_ready_and_still_alive() {
    let stage = Stage::holding_its_stop();
    let mut tree = Supervisor::builder("app");
    tree.worker(actor("stock", &stage));
    let tree = tree.start().await.unwrap();
    let handle = SupervisorHandle::clone(&tree);
    let stops = tokio::spawn(tree.shutdown());
    stage.stopping.notified().await;
    assert_has(&handle, NOT_READY, "app", &Ailment::Stopping);
    stage.go_on.notify_one();
    stops.await.unwrap();
    assert_has(&handle, (false, false), "app", &Ailment::Stopped(Stopped::Shutdown));
}

/// Quarantines its tables after each incarnation that asks for it.
#[heir]
struct Suspect {
    #[table(rollback)]
    is_bad: bool,
}

#[handlers]
impl Suspect {
    #[on(verify)]
    fn verify(tables: &mut SuspectTables, _exit: &Exit) -> Verdict {
        if tables.is_bad { Verdict::quarantine("bad") } else { Verdict::Accept }
    }

    fn spoil(&mut self) {
        self.is_bad = true;
    }
}

#[tokio::test(start_paused = true)]
async fn quarantined_tables_are_told_and_hinder_only_a_worker_that_has_stopped_with_them() {
    let mut tree = Supervisor::builder("app");
    let stops = tree.worker(Suspect::spec().name("stops"));
    let goes_on = tree.worker(Suspect::spec().name("goes on").quarantine(AfterQuarantine::Fresh));
    let tree = tree.start().await.unwrap();
    for turn in 1..=2 {
        goes_on.spoil().await.unwrap();
        goes_on.kill();
        goes_on.wait_serving(turn + 1).await.unwrap();
        let health = tree.health();
        assert!(health.ready && health.alive, "{health}");
        assert_eq!(
            health.to_string(),
            format!("ready and alive: app/goes on has {turn} bundles of quarantined tables, to be taken out")
        );
    }
    drop(goes_on.take_quarantined());
    assert_well(&tree);

    stops.spoil().await.unwrap();
    stops.kill();
    let why = stops.wait_stopped().await;
    assert!(matches!(why, Stopped::Quarantined(_)), "{why}");
    assert_has(&tree, NOT_READY, "app/stops", &Ailment::Stopped(why));
}

#[tokio::test(start_paused = true)]
async fn the_troubles_of_keys_are_told_and_do_not_count_against_ready() {
    let mut tree = Supervisor::builder("app");
    let sessions = tree.child(Dynamic::<u32, Actor>::spec().name("sessions"));
    let tree = tree.start().await.unwrap();
    for key in [1, 2] {
        sessions.start(key, actor("session", &Stage::free())).await.unwrap();
    }
    assert_well(&tree);
    sessions.supervisor().terminate_child("session[2]").await.unwrap();
    assert_has(&tree, (true, true), "app/sessions/session[2]", &Ailment::Terminated);
    assert_has(sessions.supervisor(), (true, true), "sessions/session[2]", &Ailment::Terminated);
}

#[tokio::test(start_paused = true)]
async fn of_many_problems_a_hundred_are_listed_and_first_those_that_count() {
    let mut tree = Supervisor::builder("app");
    let sessions = tree.child(Dynamic::<u32, Actor>::spec().name("sessions"));
    for name in ["first", "second"] {
        tree.worker(actor(name, &Stage::free()));
    }
    let tree = tree.start().await.unwrap();
    // More than are looked at in one go.
    for key in 0..600 {
        sessions.start(key, actor("session", &Stage::free())).await.unwrap();
        sessions.supervisor().terminate_child(&format!("session[{key}]")).await.unwrap();
    }
    let health = tree.health();
    assert_eq!((health.ready, health.problems.len(), health.more), (true, 100, 500));
    assert!(health.to_string().ends_with("; and 500 more"), "{health}");
    tree.terminate_child("second").await.unwrap();
    let health = tree.health();
    assert_eq!((health.ready, health.problems.len(), health.more), (false, 100, 501));
    let first: Vec<_> = health.problems[..2].iter().map(|problem| &*problem.path).collect();
    assert_eq!(first, ["app/second", "app/sessions/session[0]"]);
}

#[tokio::test(start_paused = true)]
async fn of_more_than_a_hundred_problems_that_count_the_first_are_listed() {
    let mut tree = Supervisor::builder("app");
    for number in 0..101 {
        tree.worker(Actor::spec(Stage::free()).name(format!("actor {number}")));
    }
    let tree = tree.start().await.unwrap();
    for number in (0..101).rev() {
        tree.terminate_child(&format!("actor {number}")).await.unwrap();
    }
    let health = tree.health();
    assert_eq!((health.ready, health.problems.len(), health.more), (false, 100, 1));
    assert_eq!(health.problems[99].path, "app/actor 99");
}

/// Blocks its thread until it is released.
#[heir]
pub(super) struct Stubborn {
    #[table(keep)]
    unused: (),
    #[arg]
    blocks: Arc<Notify>,
    #[arg]
    release: Arc<Mutex<Receiver<()>>>,
}

#[handlers]
impl Stubborn {
    #[cast]
    pub(super) fn block(&mut self) {
        self.blocks.notify_one();
        let _ = self.release.lock().unwrap().recv();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_blocks_a_thread_is_a_reason_to_end_the_process_also_one_of_a_dynamic() {
    let (release, released) = channel();
    let (blocks, released) = (Arc::new(Notify::new()), Arc::new(Mutex::new(released)));
    let spec = || {
        let spec = Stubborn::spec(Arc::clone(&blocks), Arc::clone(&released));
        spec.name("stubborn").heartbeat(Duration::from_millis(20))
    };
    let mut tree = Supervisor::builder("app");
    let declared = tree.worker(spec());
    let keys = tree.child(Dynamic::<u32, Stubborn>::spec().name("keys"));
    let tree = tree.start().await.unwrap();
    let key = keys.start(1, spec()).await.unwrap();
    for (worker, path, is_ready) in [(&declared, "app/stubborn", false), (&key, "app/keys/stubborn[1]", true)]
    {
        worker.block().await.unwrap();
        wait_until(|| worker.status() == Status::Unresponsive { incarnation: 1 }).await;
        assert_has(&tree, (is_ready, false), path, &Ailment::Unresponsive);
        release.send(()).unwrap();
        worker.wait_serving(2).await.unwrap();
        assert_well(&tree);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_left_behind_is_unresponsive_until_it_lets_the_tables_go() {
    let (mut tree, mut below) = (Supervisor::builder("app"), Supervisor::builder("below"));
    let (release, released) = channel();
    let blocks = Arc::new(Notify::new());
    let spec = Stubborn::spec(Arc::clone(&blocks), Arc::new(Mutex::new(released)));
    below = below.strategy(Strategy::OneForAll);
    let stubborn = below.worker(spec.name("stubborn").shutdown(Shutdown::BrutalKill));
    let sibling = below.worker(actor("sibling", &Stage::free()));
    tree.child(below);
    let tree = tree.start().await.unwrap();
    stubborn.block().await.unwrap();
    blocks.notified().await;
    let unresponsive = ((false, false), "app/below/stubborn", &Ailment::Unresponsive);

    // It is restarted with its sibling, and the next incarnation waits for the tables.
    sibling.kill();
    sibling.wait_serving(2).await.unwrap();
    assert_eq!(stubborn.status(), Status::Starting { incarnation: 2 });
    assert_has(&tree, unresponsive.0, unresponsive.1, unresponsive.2);

    // Also when it is stopped for good meanwhile.
    assert_eq!(stubborn.stop().await, Stopped::Shutdown);
    assert_has(&tree, unresponsive.0, unresponsive.1, unresponsive.2);
    release.send(()).unwrap();
    in_time(wait_until(|| stubborn.estate().owner().is_none())).await;
    assert_well(&tree);
    // Whoever claims the tables then is no part of the tree, whatever the name.
    let _claimed = stubborn.estate().claim("stubborn").unwrap();
    assert_well(&tree);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_blocks_a_thread_is_told_also_below_a_subtree_that_was_terminated() {
    let (mut tree, mut below) = (Supervisor::builder("app"), Supervisor::builder("below"));
    let (release, released) = channel();
    let blocks = Arc::new(Notify::new());
    let spec = Stubborn::spec(Arc::clone(&blocks), Arc::new(Mutex::new(released)));
    let stubborn = below.worker(spec.name("stubborn").shutdown(Shutdown::BrutalKill));
    tree.child(below);
    let tree = tree.start().await.unwrap();
    stubborn.block().await.unwrap();
    blocks.notified().await;
    tree.terminate_child("below").await.unwrap();
    let health = tree.health();
    let expected = [("app/below", &Ailment::Terminated), ("app/below/stubborn", &Ailment::Unresponsive)];
    assert_eq!((problems(&health), health.alive), (expected.to_vec(), false));
    release.send(()).unwrap();
    in_time(wait_until(|| stubborn.estate().owner().is_none())).await;
    assert_has(&tree, NOT_READY, "app/below", &Ailment::Terminated);
}
