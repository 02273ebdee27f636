//! The disk fails: what was answered is there, callers are told what is not known, and workers go on when it is.

use std::io::ErrorKind;
use std::time::Duration;

use heir_runtime::CallError;
use heir_runtime::events::EventKind;
use heir_tests::disk::{Disk, Operation};
use heir_tests::waits;

use crate::bank::{Bank, seen, store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_is_unknown_until_the_disk_is_well_and_then_the_worker_goes_on() {
    let disk = Disk::default();
    let (tree, bank, _) = Bank::in_store(&store(&disk).unwrap());
    let mut events = tree.subscribe(1_000);
    let tree = tree.start().await.unwrap();
    bank.put(1, 1).await.unwrap();

    disk.fail(Operation::Write, ErrorKind::Other);
    let unknown = bank.put(1, 2).await.unwrap_err();
    assert!(matches!(unknown, CallError::Unknown), "{unknown}");
    // What comes meanwhile waits, and readers see what is known.
    let waits = tokio::spawn({
        let bank = bank.clone();
        async move { bank.sum(1).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(!waits.is_finished());
    assert_eq!(seen(&bank), [(1, 1)].into());

    disk.is_well();
    let sum = waits.await.unwrap().unwrap();
    // All of the unknown message is there, or nothing.
    assert!(sum == Some(1) || sum == Some(2), "{sum:?}");
    assert_eq!(seen(&bank), [(1, sum.unwrap())].into());
    bank.put(1, 3).await.unwrap();
    assert_eq!(seen(&bank), [(1, 3)].into());
    tree.shutdown().await;

    let mut failed = 0;
    while let Some(Ok(event)) = events.next().await {
        failed += usize::from(matches!(event.kind, EventKind::StoreFailed { .. }));
    }
    assert_eq!(failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_failures_are_no_restarts_that_count() {
    let disk = Disk::default();
    let (tree, bank, _) = Bank::in_store(&store(&disk).unwrap());
    let tree = tree.intensity(3).start().await.unwrap();
    let mut answered = 0;
    for number in 1..=30 {
        if number % 2 == 0 {
            disk.fail(Operation::Write, ErrorKind::Other);
        }
        match bank.put(1, number).await {
            Ok(_) => answered = number,
            Err(unknown) => assert!(matches!(unknown, CallError::Unknown), "{unknown}"),
        }
        disk.is_well();
        assert!(bank.sums().get(&1).unwrap_or(0) >= answered);
    }
    bank.put(1, 31).await.unwrap();
    assert_eq!(seen(&bank), [(1, 31)].into());
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_closes_the_store_until_the_process_ends() {
    let disk = Disk::default();
    let (tree, bank, _) = Bank::in_store(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    bank.put(1, 1).await.unwrap();
    disk.fail(Operation::Sync, ErrorKind::Other);
    let unknown = bank.put(1, 2).await.unwrap_err();
    assert!(matches!(unknown, CallError::Unknown), "{unknown}");
    disk.is_well();
    // The tree gives up: the program is to end, and to start again.
    let stopped = bank.wait_stopped().await;
    assert!(stopped.to_string().contains("could not be synced"), "{stopped}");
    assert_eq!(bank.sums().get(&1), Some(1), "readers see what is known");
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_waits_for_the_disk_but_not_for_one_that_has_failed() {
    let disk = Disk::default();
    let (tree, bank, _) = Bank::in_store(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    disk.hold_syncs();
    bank.put_cast(1, 1).await.unwrap();
    waits::wait_until(|| bank.queued() == 0).await;
    let stopping = tokio::spawn(async move { tree.shutdown().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!stopping.is_finished());
    disk.release();
    let report = stopping.await.unwrap();
    assert!(report.aborted.is_empty(), "{report:?}");
    assert_eq!(seen(&bank), [(1, 1)].into());

    let disk = Disk::default();
    let (tree, bank, _) = Bank::in_store(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    disk.fail(Operation::Write, ErrorKind::Other);
    bank.put(1, 1).await.unwrap_err();
    tree.shutdown().await;
}
