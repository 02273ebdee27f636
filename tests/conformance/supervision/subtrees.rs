//! Supervisors below supervisors: escalation, and what a subtree keeps when it is started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::supervision::SubtreeStatus;
use heir_runtime::{
    ExitReason, Restart, Shutdown, StartError, Stopped, Strategy, Supervisor, SupervisorHandle,
};
use heir_tests::waits::{quiet, wait_until};
use heir_tests::{Log, Recorder, event, overdue};

use super::actor::{Actor, Stage};
use super::{MemberHandle, failing, member, members};

/// `app` with `a`, the subtree `io` with `b` and `c`, and `d`.
async fn start(
    io: impl FnOnce(heir_runtime::SupervisorBuilder) -> heir_runtime::SupervisorBuilder,
) -> Started {
    let log = Log::default();
    let (mut tree, recorder) = Recorder::tree();
    let [a] = members(&mut tree, &log, ["a"]);
    let mut subtree = io(Supervisor::builder("io").intensity(1));
    let [b, c] = members(&mut subtree, &log, ["b", "c"]);
    let io = tree.child(subtree);
    let [d] = members(&mut tree, &log, ["d"]);
    let tree = tree.start().await.unwrap();
    for member in [&a, &b, &c, &d] {
        assert_eq!(member.count().await.unwrap(), 1);
    }
    Started { tree, io, members: [a, b, c, d], log, recorder }
}

struct Started {
    tree: Supervisor,
    io: SupervisorHandle,
    members: [MemberHandle; 4],
    log: Log,
    recorder: Recorder,
}

#[tokio::test(start_paused = true)]
async fn a_tree_starts_depth_first_and_stops_in_reverse() {
    let Started { tree, log, .. } = start(|io| io).await;
    assert_eq!(log.take(), ["a starts", "b starts", "c starts", "d starts"]);
    let report = tree.shutdown().await;
    assert_eq!((report.why, report.aborted, report.unresponsive), (Stopped::Shutdown, vec![], vec![]));
    let stops = ["d", "c", "b", "a"].map(|name| format!("{name} stops: shutdown"));
    assert_eq!(log.take(), stops);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_gives_up_is_restarted_with_its_tables() {
    let Started { tree: _tree, io, members: [a, b, c, d], log, .. } = start(|io| io).await;
    log.take();
    b.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    b.die().await.unwrap();
    c.wait_serving(2).await.unwrap();
    assert_eq!(io.status(), SubtreeStatus::Running);
    assert_eq!(log.take(), ["b starts", "c stops: shutdown", "b starts", "c starts"]);
    for member in [&a, &b, &c, &d] {
        assert_eq!(member.count().await.unwrap(), 2);
    }
    assert_eq!([a.incarnation(), d.incarnation()], [1, 1]);
    // Its intensity begins anew.
    b.die().await.unwrap();
    assert_eq!(b.count().await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn messages_to_a_subtree_wait_while_it_is_restarted() {
    let Started { tree: _tree, io, members: [_, b, c, _], .. } = start(|io| io).await;
    assert!(io.kill());
    let (b, c) = tokio::join!(b.count(), c.count());
    assert_eq!((b.unwrap(), c.unwrap()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_killed_takes_its_children_with_it_and_all_come_back() {
    let Started { tree: _tree, io, members: [a, b, c, d], log, .. } = start(|io| io).await;
    log.take();
    for turn in 2..=5 {
        assert!(io.kill());
        for member in [&b, &c] {
            assert_eq!(member.wait_serving(turn).await.unwrap(), turn);
            assert_eq!(member.count().await.unwrap(), turn);
        }
        assert_eq!(b.estate().last_exit().unwrap().reason, ExitReason::Killed);
        quiet().await;
    }
    assert_eq!([a.incarnation(), d.incarnation()], [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn restarts_escalate_to_the_root_and_the_tables_can_be_claimed() {
    let log = Log::default();
    let mut inner = Supervisor::builder("inner").intensity(1);
    let [leaf] = members(&mut inner, &log, ["leaf"]);
    let mut middle = Supervisor::builder("middle").intensity(1);
    middle.child(inner);
    let mut tree = Supervisor::builder("app").intensity(1);
    tree.child(middle);
    let mut tree = tree.start().await.unwrap();
    leaf.count().await.unwrap();
    // One restart at each level for each at the one above: the eighth death is too many for the root.
    for incarnation in 1..=8 {
        assert_eq!(leaf.wait_serving(incarnation).await.unwrap(), incarnation);
        leaf.die().await.unwrap();
    }
    let Stopped::GaveUp(reason) = tree.wait().await.why else { panic!("not given up") };
    assert_eq!(
        reason.to_string(),
        "shutdown: gave up after too many restarts, the last because of shutdown: gave up after too many restarts, \
         the last because of panic: asked to die"
    );
    assert_eq!(leaf.estate().claim("test").unwrap().count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_transient_subtree_that_gives_up_is_not_restarted() {
    let Started { tree: _tree, io, members: [a, b, c, _], .. } =
        start(|io| io.intensity(0).restart(Restart::Transient)).await;
    b.die().await.unwrap();
    let why = io.wait_stopped().await;
    assert!(matches!(&why, Stopped::Ended(reason) if reason.is_normal()), "{why}");
    assert_eq!(c.wait_stopped().await, why);
    assert_eq!(b.estate().claim("test").unwrap().count, 1);
    assert_eq!(a.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_and_starts_a_subtree_as_one_child() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a] = members(&mut tree, &log, ["a"]);
    let mut io = Supervisor::builder("io");
    let [b, c] = members(&mut io, &log, ["b", "c"]);
    tree.child(io);
    let _tree = tree.start().await.unwrap();
    b.count().await.unwrap();
    log.take();
    a.die().await.unwrap();
    c.wait_serving(2).await.unwrap();
    assert_eq!(log.take(), ["c stops: shutdown", "b stops: shutdown", "a starts", "b starts", "c starts"]);
    assert_eq!(b.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_has_ended_is_down_until_it_is_started_again() {
    let (mut tree, stage) =
        (Supervisor::builder("app").strategy(Strategy::OneForAll), Stage::holding_its_stop());
    let forever = Shutdown::Timeout(Duration::MAX);
    tree.child(Actor::spec(stage.clone()).shutdown(forever));
    let mut io = Supervisor::builder("io");
    io.child(member("a", &Log::default()));
    let io = tree.child(io);
    let _tree = tree.start().await.unwrap();
    assert!(io.kill());
    // With it: the other one is stopped, too.
    stage.stopping.notified().await;
    assert_eq!(io.status(), SubtreeStatus::Down);
    stage.go_on.notify_one();
    wait_until(|| io.status() == SubtreeStatus::Running).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_deep_in_a_tree_is_told_with_its_path() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let [a] = members(&mut tree, &log, ["a"]);
    let mut io = Supervisor::builder("io");
    let [b] = members(&mut io, &log, ["b"]);
    io.child(failing("c", &log, &Arc::new(AtomicU32::new(1))));
    tree.child(io);
    let error = tree.start().await.unwrap_err();
    let StartError::Child { child, role, .. } = &error else { panic!("{error}") };
    assert_eq!((child.as_ref(), *role), ("io", Role::Supervisor));
    assert_eq!(
        error.to_string(),
        "the supervisor of `io` did not start: error: the worker of `c` did not start: error: not yet"
    );
    let expected = ["a starts", "b starts", "c fails", "b stops: shutdown", "a stops: shutdown"];
    assert_eq!(log.take(), expected);
    assert!(matches!(a.wait_stopped().await, Stopped::NotStarted(_)));
    assert!(matches!(b.wait_stopped().await, Stopped::Ended(_)));
    for member in [a, b] {
        assert_eq!(member.estate().claim("test").unwrap().count, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subtree_whose_restart_fails_is_restarted_again() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(0));
    let mut tree = Supervisor::builder("app");
    let mut io = Supervisor::builder("io").intensity(0);
    let b = io.child(failing("b", &log, &failures));
    let io = tree.child(io);
    let _tree = tree.start().await.unwrap();
    b.count().await.unwrap();
    failures.store(3, Ordering::Relaxed);
    io.kill();
    assert_eq!(b.count().await.unwrap(), 2);
    assert_eq!(log.take(), ["b starts", "b fails", "b fails", "b fails", "b starts"]);
}

#[tokio::test(start_paused = true)]
async fn who_did_not_stop_in_time_is_reported_from_every_depth() {
    let Started { tree, members: [_, b, c, d], .. } = start(|io| io).await;
    for hanging in [&b, &d] {
        tokio::spawn({
            let hanging = hanging.clone();
            async move { hanging.hang().await }
        });
    }
    quiet().await;
    let before = tokio::time::Instant::now();
    let report = tree.shutdown().await;
    assert_eq!(before.elapsed().as_secs(), 10, "each has its five seconds");
    assert_eq!(overdue(&report.aborted), [("d", Role::Worker), ("b", Role::Worker)]);
    assert_eq!(report.unresponsive, []);
    for member in [b, c, d] {
        assert_eq!(member.estate().claim("test").unwrap().count, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subtree_with_a_timeout_of_its_own_is_aborted_with_its_children() {
    let short = Shutdown::Timeout(Duration::from_secs(1));
    let Started { tree, members: [_, b, c, _], .. } = start(|io| io.shutdown(short)).await;
    tokio::spawn({
        let b = b.clone();
        async move { b.hang().await }
    });
    quiet().await;
    let before = tokio::time::Instant::now();
    let report = tree.shutdown().await;
    assert!(before.elapsed() < Duration::from_secs(2));
    assert_eq!(overdue(&report.aborted), [("io", Role::Supervisor)]);
    quiet().await;
    for member in [b, c] {
        member.wait_stopped().await;
        assert_eq!(member.estate().claim("test").unwrap().count, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subtree_is_stopped_for_good_through_its_handle() {
    let Started { tree, io, members: [a, b, c, _], .. } = start(|io| io).await;
    assert_eq!(io.stop().await, Stopped::Shutdown);
    assert_eq!(io.status(), SubtreeStatus::Stopped(Stopped::Shutdown));
    for member in [&b, &c] {
        assert_eq!(member.wait_stopped().await, Stopped::Shutdown);
        assert_eq!(member.estate().claim("test").unwrap().count, 1);
    }
    assert_eq!(a.count().await.unwrap(), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_root_is_stopped_through_its_handle_too() {
    let Started { mut tree, members: [a, ..], .. } = start(|io| io).await;
    let handle = SupervisorHandle::clone(&tree);
    assert_eq!(handle.stop().await, Stopped::Shutdown);
    assert_eq!(tree.wait().await.why, Stopped::Shutdown);
    assert!(a.count().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_a_root_is_killed() {
    let Started { mut tree, members, .. } = start(|io| io).await;
    assert!(tree.kill());
    assert_eq!(tree.wait().await.why, Stopped::Dropped);
    for member in members {
        assert_eq!(member.wait_stopped().await, Stopped::Dropped);
        quiet().await;
        assert_eq!(member.estate().claim("test").unwrap().count, 1);
        assert!(member.count().await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn observers_of_a_tree_see_its_subtrees_and_those_of_a_subtree_only_that() {
    let inner = Recorder::default();
    let observed = inner.clone();
    let Started { tree, recorder, .. } = start(move |io| io.observe(observed.observer())).await;
    tree.shutdown().await;
    let served = event!(Serving { .. });
    assert_eq!(recorder.children(served), ["a", "b", "c", "d"]);
    assert_eq!(inner.children(served), ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_tree_of_three_levels_is_drawn() {
    let log = Log::default();
    let mut inner = Supervisor::builder("inner").strategy(Strategy::OneForAll);
    let [b] = members(&mut inner, &log, ["b"]);
    let mut io = Supervisor::builder("io").strategy(Strategy::RestForOne).intensity(3);
    io.child(inner);
    io.child(member("c", &log).restart(Restart::Transient));
    let (mut tree, _) = Recorder::tree();
    tree.child(io);
    let [d] = members(&mut tree, &log, ["d"]);
    let tree = tree.start().await.unwrap();
    d.die().await.unwrap();
    d.wait_serving(2).await.unwrap();
    assert_eq!(b.count().await.unwrap(), 1);
    assert_eq!(
        tree.tree().to_string(),
        "\
app (one_for_one, any number of restarts)
├── io (rest_for_one, 3 restarts in 10s)
│   ├── inner (one_for_all, 10 restarts in 10s)
│   │   ├── b worker: incarnation 1 serving, 0 queued
│   │   └── b manager: running, heir of the tables; owner: b 1
│   ├── c worker: incarnation 1 serving, 0 queued
│   └── c manager: running, heir of the tables; owner: c 1
├── d worker: incarnation 2 serving, 0 queued
└── d manager: running, heir of the tables; owner: d 2"
    );
}
