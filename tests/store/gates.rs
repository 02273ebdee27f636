//! Who sees what of a message that has committed and is not on the disk yet.

use std::time::Duration;

use heir_runtime::store::Store;
use heir_tests::disk::Disk;
use heir_tests::waits;

use crate::bank::{Bank, seen, store};

/// A moment in which all that can happen without the disk has happened: the worker answers nothing
/// meanwhile, so nothing can be awaited.
async fn meanwhile() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_leaves_and_readers_see_the_rows_when_they_are_on_the_disk() {
    let disk = Disk::default();
    let (tree, bank, done) = Bank::in_store(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    bank.put(1, 1).await.unwrap();

    disk.hold_syncs();
    let put = tokio::spawn({
        let bank = bank.clone();
        async move { bank.put_and_note(1, 2).await }
    });
    meanwhile().await;
    // The owner sees its commit at once, but who asks it is told only when that is on the disk.
    let asked = tokio::spawn({
        let bank = bank.clone();
        async move { bank.sum(1).await }
    });
    meanwhile().await;
    assert!(!put.is_finished() && !asked.is_finished());
    assert_eq!(bank.sums().get(&1), Some(1));
    assert_eq!(seen(&bank), [(1, 1)].into());
    assert!(done.lock().unwrap().is_empty());

    disk.release();
    put.await.unwrap().unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), Some(2));
    assert_eq!(bank.sums().get(&1), Some(2));
    assert_eq!(seen(&bank), [(1, 2)].into());
    waits::wait_until(|| *done.lock().unwrap() == ["1 is 2"]).await;
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_has_died_since_is_answered_for_all_the_same() {
    let disk = Disk::default();
    let (tree, bank, done) = Bank::in_store(&store(&disk).unwrap());
    let tree = tree.start().await.unwrap();
    bank.put(1, 1).await.unwrap();

    disk.hold_syncs();
    let put = tokio::spawn({
        let bank = bank.clone();
        async move { bank.put_and_note(1, 2).await }
    });
    meanwhile().await;
    let first = bank.estate().info().incarnation;
    assert!(bank.put_and_die(1, 3).await.is_err(), "a death tells its caller at once");
    bank.wait_serving(first + 1).await.unwrap();
    assert!(!put.is_finished());

    disk.release();
    put.await.unwrap().unwrap();
    assert_eq!(seen(&bank), [(1, 2)].into());
    // The manager has run what was to run, or the next incarnation.
    waits::wait_until(|| *done.lock().unwrap() == ["1 is 2"]).await;
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_keeps_everything_for_the_next_tree() {
    let kept = Store::in_memory();
    let mut first = 0;
    for start in 1..=3_u64 {
        let (tree, bank, done) = Bank::in_store(&kept);
        let tree = tree.start().await.unwrap();
        let incarnation = bank.served_by().await.unwrap();
        assert!(incarnation > first, "numbers go on above those of earlier processes");
        first = incarnation;
        let before: Vec<_> = seen(&bank).into_iter().collect();
        assert_eq!(before, (1..start).map(|account| (account, account * 10)).collect::<Vec<_>>());
        bank.put_and_note(start, start * 10).await.unwrap();
        assert_eq!(bank.sums().get(&start), Some(start * 10), "a message is durable when it is answered");
        assert_eq!(done.lock().unwrap().len(), 1);
        tree.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_and_cleared_is_gone_after_the_next_start() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    let (tree, bank, _) = Bank::in_store(&kept);
    let tree = tree.start().await.unwrap();
    for account in 0..10 {
        bank.put(account, 1).await.unwrap();
        bank.put(account, 2).await.unwrap();
    }
    bank.remove(3).await.unwrap();
    tree.shutdown().await;
    drop(bank);
    kept.close().await.unwrap();

    let kept = store(&Disk::with(disk.contents())).unwrap();
    let (tree, bank, _) = Bank::in_store(&kept);
    let tree = tree.start().await.unwrap();
    let expected: Vec<_> = (0..10).filter(|account| *account != 3).map(|account| (account, 2)).collect();
    assert_eq!(seen(&bank).into_iter().collect::<Vec<_>>(), expected);
    bank.clear().await.unwrap();
    bank.put(5, 5).await.unwrap();
    assert_eq!(seen(&bank), [(5, 5)].into());
    tree.shutdown().await;
}
