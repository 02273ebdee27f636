//! Monitors: to be told of an end, once, without a share in it.

use std::time::Duration;

use heir_runtime::ExitReason;
use heir_runtime::links::Down;
use tokio::time::timeout;

use crate::relatives::{Family, family, nobody};

#[tokio::test]
async fn a_monitor_tells_of_the_end_and_does_not_end_its_owner() {
    let Family { a, b, tree, .. } = family().await;
    let monitor = a.watch(b.clone()).await.unwrap();
    b.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    let Down { monitor: told, from, incarnation, reason, .. } = a.downs().await.unwrap().remove(0);
    assert_eq!((told, from.as_ref(), incarnation), (monitor, "b", Some(1)));
    assert_eq!(reason, ExitReason::Panic("asked to die".into()));
    assert_eq!(a.incarnation(), 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_monitor_tells_of_a_normal_end_too_and_only_once() {
    let Family { a, b, tree, .. } = family().await;
    a.watch(b.clone()).await.unwrap();
    for incarnation in 2..4 {
        b.finish(ExitReason::Normal).await.unwrap();
        b.wait_serving(incarnation).await.unwrap();
    }
    let downs = a.downs().await.unwrap();
    assert_eq!(downs.len(), 1);
    assert_eq!(downs[0].to_string(), "incarnation 1 of `b` is down: normal");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_monitor_has_one_direction() {
    let Family { a, b, tree, .. } = family().await;
    a.watch(b.clone()).await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    assert_eq!(b.downs().await.unwrap(), []);
    // It ended with its incarnation: the next one is told nothing.
    b.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    assert_eq!(a.downs().await.unwrap(), []);
    tree.shutdown().await;
}

#[tokio::test]
async fn each_monitor_of_one_worker_tells() {
    let Family { a, b, tree, .. } = family().await;
    let first = a.watch(b.clone()).await.unwrap();
    let second = a.watch(b.clone()).await.unwrap();
    b.kill();
    b.wait_serving(2).await.unwrap();
    let told: Vec<_> = a.downs().await.unwrap().into_iter().map(|down| down.monitor).collect();
    assert_eq!(told, [first, second]);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_monitor_that_was_ended_tells_nothing() {
    let Family { a, b, tree, .. } = family().await;
    let first = a.watch(b.clone()).await.unwrap();
    let second = a.watch(b.clone()).await.unwrap();
    a.unwatch(first).await.unwrap();
    a.unwatch(first).await.unwrap();
    b.kill();
    b.wait_serving(2).await.unwrap();
    let told: Vec<_> = a.downs().await.unwrap().into_iter().map(|down| down.monitor).collect();
    assert_eq!(told, [second]);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_monitor_of_a_worker_that_is_not_alive_tells_at_once() {
    let Family { a, tree, .. } = family().await;
    let monitor = a.watch(nobody()).await.unwrap();
    let down = a.downs().await.unwrap().remove(0);
    assert_eq!((down.monitor, down.incarnation, &down.reason), (monitor, None, &ExitReason::NoProc));
    assert_eq!(down.to_string(), "`nobody` is down: noproc: there was no living incarnation");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_worker_can_be_monitored_from_outside() {
    let Family { a, hanging, tree, .. } = family().await;
    let down = a.monitor();
    let dropped = a.monitor();
    drop(dropped);
    let caller = a.clone();
    tokio::spawn(async move { caller.count_and_hang().await });
    hanging.notified().await;
    a.exit(ExitReason::error("hopeless"));
    let Down { from, incarnation, reason, .. } = down.await;
    assert_eq!((from.as_ref(), incarnation, reason), ("a", Some(1), ExitReason::error("hopeless")));
    assert!(a.estate().last_exit().is_some(), "told when the tables are home");
    tree.shutdown().await;
    let down = a.monitor().await;
    assert_eq!((down.incarnation, down.reason), (None, ExitReason::NoProc));
}

#[tokio::test(start_paused = true)]
async fn a_monitor_of_an_incarnation_that_has_ended_tells_so_at_once() {
    let Family { a, b, tree, .. } = family().await;
    // It has been alive, and its handle knows it.
    tree.terminate_child("b").await.unwrap();
    let monitor = a.watch(b.clone()).await.unwrap();
    let downs = a.downs().await.unwrap();
    assert_eq!(downs.len(), 1);
    let Down { monitor: told, from, incarnation, reason, .. } = &downs[0];
    assert_eq!((told, from.as_ref(), incarnation), (&monitor, "b", &None));
    assert_eq!(*reason, ExitReason::NoProc);
    let outside = timeout(Duration::from_secs(60), b.monitor()).await;
    assert_eq!(outside.expect("told at once").reason, ExitReason::NoProc);
    // And once: what is started in its place was not asked for.
    tree.restart_child("b").await.unwrap();
    b.kill();
    b.wait_serving(3).await.unwrap();
    assert_eq!(a.downs().await.unwrap().len(), 1);
    tree.shutdown().await;
}
