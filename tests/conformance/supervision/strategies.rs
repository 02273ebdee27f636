//! Which siblings are restarted with a child, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::{Restart, Stopped, Strategy, Supervisor};
use heir_tests::Log;
use heir_tests::waits::quiet;

use super::{failing, member, members};

#[tokio::test(start_paused = true)]
async fn one_for_one_restarts_only_the_child_that_ended() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForOne);
    let [_a, b, _c] = members(&mut tree, &log, ["a", "b", "c"]);
    let _tree = tree.start().await.unwrap();
    assert_eq!(log.take(), ["a starts", "b starts", "c starts"]);
    b.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    quiet().await;
    assert_eq!(log.take(), ["b starts"]);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a, b, c] = members(&mut tree, &log, ["a", "b", "c"]);
    let _tree = tree.start().await.unwrap();
    for member in [&a, &b, &c] {
        assert_eq!(member.count().await.unwrap(), 1);
    }
    log.take();
    b.die().await.unwrap();
    for member in [&a, &b, &c] {
        assert_eq!(member.wait_serving(2).await.unwrap(), 2);
        assert_eq!(member.count().await.unwrap(), 2, "with the tables it had");
    }
    assert_eq!(log.take(), ["c stops: shutdown", "a stops: shutdown", "a starts", "b starts", "c starts"]);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_the_child_and_those_started_after_it() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::RestForOne);
    let [a, b, c, d] = members(&mut tree, &log, ["a", "b", "c", "d"]);
    let _tree = tree.start().await.unwrap();
    log.take();
    b.die().await.unwrap();
    d.wait_serving(2).await.unwrap();
    assert_eq!(log.take(), ["d stops: shutdown", "c stops: shutdown", "b starts", "c starts", "d starts"]);
    assert_eq!([&a, &b, &c, &d].map(|member| member.incarnation()), [1, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_ends_restarts_no_worker_whatever_the_strategy() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let log = Log::default();
        let mut tree = Supervisor::builder("app").strategy(strategy);
        let [a, b] = members(&mut tree, &log, ["a", "b"]);
        let _tree = tree.start().await.unwrap();
        log.take();
        assert!(a.kill_manager());
        quiet().await;
        assert_eq!(log.take(), [""; 0], "{strategy}");
        // And it was restarted itself: without a heir there would be no second incarnation.
        a.die().await.unwrap();
        assert_eq!(a.count().await.unwrap(), 1);
        b.count().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_in_a_group_restart_is_a_restart_of_its_own() {
    let log = Log::default();
    let failures = Arc::new(AtomicU32::new(0));
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll).intensity(3);
    let [a] = members(&mut tree, &log, ["a"]);
    let _b = tree.child(failing("b", &log, &failures));
    let [c] = members(&mut tree, &log, ["c"]);
    let mut tree = tree.start().await.unwrap();
    log.take();
    failures.store(2, Ordering::Relaxed);
    a.die().await.unwrap();
    c.wait_serving(2).await.unwrap();
    let turn = ["a starts", "b fails", "a stops: shutdown"];
    let first = ["c stops: shutdown", "b stops: shutdown"];
    let last = ["a starts", "b starts", "c starts"];
    assert_eq!(log.take(), [&first[..], &turn, &turn, &last].concat());
    // That was three restarts: the intensity is used up.
    a.die().await.unwrap();
    assert!(matches!(tree.wait().await.why, Stopped::GaveUp(_)));
}

#[tokio::test(start_paused = true)]
async fn a_second_death_during_a_group_restart_begins_it_again() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::RestForOne);
    let [a, b, c] = members(&mut tree, &log, ["a", "b", "c"]);
    let _tree = tree.start().await.unwrap();
    for member in [&a, &b, &c] {
        member.count().await.unwrap();
    }
    // Both at once: whoever is looked at first, the group is the larger one in the end.
    c.kill();
    a.kill();
    for member in [&a, &b, &c] {
        assert!(member.wait_serving(2).await.unwrap() >= 2);
        assert_eq!(member.count().await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_that_a_group_restart_stops_is_gone() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let a = tree.child(member("a", &log));
    let b = tree.child(member("b", &log).restart(Restart::Temporary));
    let tree = tree.start().await.unwrap();
    b.count().await.unwrap();
    a.die().await.unwrap();
    assert_eq!(b.wait_stopped().await, Stopped::Shutdown);
    a.wait_serving(2).await.unwrap();
    assert_eq!(tree.count_children().specs, 1);
    assert_eq!(b.estate().claim("test").unwrap().count, 1);
}

#[tokio::test(start_paused = true)]
async fn siblings_that_do_not_stop_in_time_are_aborted_in_a_group_restart() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app").strategy(Strategy::OneForAll);
    let [a, b] = members(&mut tree, &log, ["a", "b"]);
    let _tree = tree.start().await.unwrap();
    b.count().await.unwrap();
    let hanging = tokio::spawn({
        let b = b.clone();
        async move { b.hang().await }
    });
    quiet().await;
    let before = tokio::time::Instant::now();
    a.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 5, "its shutdown timeout");
    assert!(hanging.await.unwrap().is_err());
    assert_eq!(b.count().await.unwrap(), 2);
}
