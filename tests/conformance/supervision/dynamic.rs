//! Many workers of one type, by key.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use heir_runtime::{Dynamic, DynamicError, ExitReason, Restart, Stopped, Supervisor};

use super::{Log, Member, MemberHandle, failing, member, quiet};

async fn start() -> (Supervisor, Dynamic<u32, Member>, Log) {
    let mut tree = Supervisor::builder("app");
    let dynamic = tree.child(Dynamic::<u32, Member>::spec().name("many"));
    (tree.start().await.unwrap(), dynamic, Log::default())
}

async fn begin(dynamic: &Dynamic<u32, Member>, key: u32, log: &Log) -> MemberHandle {
    dynamic.start(key, member("m", log)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_worker_is_found_by_its_key_and_has_its_own_tables() {
    let (_tree, dynamic, log) = start().await;
    for key in 0..10 {
        begin(&dynamic, key, &log).await;
    }
    for key in 0..10 {
        for _ in 0..key {
            dynamic.get(&key).unwrap().count().await.unwrap();
        }
    }
    for key in 0..10 {
        let worker = dynamic.get(&key).unwrap();
        worker.die().await.unwrap();
        assert_eq!(worker.count().await.unwrap(), u64::from(key) + 1);
        assert_eq!(worker.name(), format!("m[{key}]"));
    }
    assert_eq!((dynamic.len(), dynamic.get(&10).is_none()), (10, true));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_given_once_and_the_error_has_the_worker_that_has_it() {
    let (_tree, dynamic, log) = start().await;
    begin(&dynamic, 1, &log).await.count().await.unwrap();
    match dynamic.start(1, member("m", &log)).await {
        Err(DynamicError::AlreadyStarted(first)) => assert_eq!(first.count().await.unwrap(), 2),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_ended_for_good_leaves_its_key_free() {
    let (_tree, dynamic, log) = start().await;
    let first = begin(&dynamic, 1, &log).await;
    first.count().await.unwrap();
    assert_eq!(dynamic.stop(&1).await, Some(Stopped::Shutdown));
    assert_eq!(dynamic.stop(&1).await, None);
    assert_eq!(first.estate().claim("test").unwrap().count, 1);
    let second = begin(&dynamic, 1, &log).await;
    assert_eq!(second.count().await.unwrap(), 1, "another worker, with tables of its own");

    let temporary = dynamic.start(2, member("m", &log).restart(Restart::Temporary)).await.unwrap();
    temporary.die().await.unwrap();
    assert!(matches!(temporary.wait().await, Stopped::Ended(ExitReason::Panic(_))));
    assert!(dynamic.get(&2).is_none());
    assert_eq!(dynamic.keys(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_start_leaves_its_key_free() {
    let (_tree, dynamic, log) = start().await;
    let failed = dynamic.start(1, failing("m", &log, &Arc::new(AtomicU32::new(1)))).await;
    assert!(matches!(failed, Err(DynamicError::NotStarted(_))), "{failed:?}");
    begin(&dynamic, 1, &log).await.count().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_workers_come_back_when_their_supervisor_is_restarted() {
    let (_tree, dynamic, log) = start().await;
    for key in 0..10 {
        begin(&dynamic, key, &log).await.count().await.unwrap();
    }
    assert!(dynamic.supervisor().kill());
    for key in 0..10 {
        assert_eq!(dynamic.get(&key).unwrap().count().await.unwrap(), 2);
    }
    assert_eq!(dynamic.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn workers_are_stopped_together() {
    let (tree, dynamic, log) = start().await;
    for key in 0..10 {
        let worker = begin(&dynamic, key, &log).await;
        tokio::spawn(async move { worker.hang().await });
    }
    quiet().await;
    let before = tokio::time::Instant::now();
    let report = tree.shutdown().await;
    assert_eq!(before.elapsed().as_secs(), 5, "once their shutdown timeout, not ten times");
    assert_eq!(report.aborted.len(), 10);
    assert!(dynamic.is_empty());
    let late = dynamic.start(1, member("m", &log)).await;
    assert!(matches!(late, Err(DynamicError::NotStarted(_))), "{late:?}");
    assert!(dynamic.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_can_be_a_tree_of_its_own() {
    let log = Log::default();
    let many = Dynamic::<u32, Member>::spec().intensity(0).start().await.unwrap();
    let worker = begin(&many, 1, &log).await;
    worker.count().await.unwrap();
    worker.die().await.unwrap();
    assert!(matches!(worker.wait().await, Stopped::GaveUp(_)));
    assert_eq!(worker.estate().claim("test").unwrap().count, 1);
}
