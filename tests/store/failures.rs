//! The disk fails: what was answered is there, callers are told what is not known, and workers go on when it is.

use std::io::ErrorKind;
use std::time::Duration;

use heir_runtime::events::EventKind;
use heir_runtime::{CallError, Supervisor};
use heir_tests::disk::{Disk, Operation};
use heir_tests::waits;

use crate::bank::{Bank, seen, store};
use crate::identity::{Seeded, Started};

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

/// The claim, the first rows, and that the tables are there: whichever of them fails, the start is put off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_that_starts_while_the_disk_fails_starts_when_it_is_well() {
    for writes in 0..40_u64 {
        let disk = Disk::default();
        let kept = store(&disk).unwrap();
        let mut tree = Supervisor::builder("app").store(kept.clone());
        let seeded = tree.worker(Seeded::spec(Started::default()));
        let mut events = tree.subscribe(1_000);
        disk.fail_after(writes / 2, writes % 2 == 0);
        let starting = tokio::spawn(tree.start());
        let told = async {
            while let Some(Ok(event)) = events.next().await {
                if matches!(event.kind, EventKind::StoreFailed { .. }) {
                    return true;
                }
            }
            false
        };
        // After so many writes it has started; or its last write fails, and is there.
        let is_told = tokio::time::timeout(Duration::from_millis(100), told).await.is_ok();
        assert!(is_told || starting.is_finished());
        disk.is_well();
        let tree = starting.await.unwrap().unwrap();
        assert_eq!(seeded.rows().len(), 1, "{writes}");
        seeded.add(7).await.unwrap();
        tree.shutdown().await;
        kept.close().await.unwrap();
        let mut next = Supervisor::builder("app").store(store(&disk).unwrap());
        let seeded = next.worker(Seeded::spec(Started::default()));
        let next = next.start().await.unwrap();
        assert_eq!(seeded.rows().iter().count(), 2);
        next.shutdown().await;
    }
}
