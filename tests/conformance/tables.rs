//! Recorded tables: each message is a transaction over all of them, and readers never miss them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heir_runtime::{BagTable, CallError, Context, OrderedTable, Table, handlers, heir};
use heir_tests::Recorder;
use heir_tests::waits::wait_until;

/// Two accounts books and a journal, which must agree.
#[heir]
pub(crate) struct Bank {
    /// What everyone has.
    #[table]
    pub(crate) balances: Table<String, i64>,
    /// Every transfer, by its number.
    #[table]
    pub(crate) transfers: OrderedTable<u64, (String, String, i64)>,
    #[table]
    touched: BagTable<String, u64>,
    #[table(init = [("bank".to_owned(), 1_000_i64)])]
    pub(crate) reserves: Table<String, i64>,
}

#[handlers]
impl Bank {
    pub(crate) fn open(&mut self, who: String, amount: i64) {
        self.balances.insert(who, amount);
    }

    pub(crate) async fn transfer(&mut self, from: String, to: String, amount: i64) -> u64 {
        let number = self.transfers.last().map_or(1, |(number, _)| number + 1);
        self.transfers.insert(number, (from.clone(), to.clone(), amount));
        self.touched.insert(from.clone(), number);
        self.balances.add(from, -amount);
        tokio::task::yield_now().await;
        self.balances.add(to.clone(), amount);
        self.touched.insert(to, number);
        number
    }

    pub(crate) async fn transfer_and_panic(&mut self, from: String, to: String, amount: i64) -> u64 {
        self.transfer(from, to, amount).await;
        panic!("after all of it");
    }

    /// Pays out in two steps, each of which stays.
    pub(crate) fn two_steps(&mut self, cx: &mut Context<Self>, who: String) {
        self.balances.add(who.clone(), -1);
        cx.commit(self);
        self.balances.add(who, -1);
        panic!("in the second step");
    }
}

async fn bank() -> (BankHandle, heir_runtime::Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let bank = tree.worker(Bank::spec());
    let tree = tree.start().await.unwrap();
    bank.open("ada".into(), 100).await.unwrap();
    bank.open("bob".into(), 0).await.unwrap();
    (bank, tree)
}

fn balance(bank: &BankHandle, who: &str) -> i64 {
    bank.balances().get(who).unwrap()
}

#[tokio::test]
async fn a_message_that_succeeds_commits_all_tables() {
    let (bank, _tree) = bank().await;
    assert_eq!(bank.transfer("ada".into(), "bob".into(), 30).await.unwrap(), 1);
    assert_eq!((balance(&bank, "ada"), balance(&bank, "bob")), (70, 30));
    assert_eq!(bank.transfers().len(), 1);
    assert_eq!(bank.reserves().get("bank"), Some(1_000));
}

#[tokio::test]
async fn a_message_that_dies_rolls_back_all_tables() {
    let (bank, _tree) = bank().await;
    bank.transfer("ada".into(), "bob".into(), 30).await.unwrap();
    let died = bank.transfer_and_panic("ada".into(), "bob".into(), 50).await.unwrap_err();
    assert!(matches!(died, CallError::Died { .. }));
    bank.wait_serving(2).await.unwrap();
    assert_eq!((balance(&bank, "ada"), balance(&bank, "bob")), (70, 30));
    assert_eq!(bank.transfers().len(), 1);
    assert_eq!(bank.transfer("bob".into(), "ada".into(), 30).await.unwrap(), 2);
}

#[tokio::test]
async fn what_a_table_starts_with_is_no_part_of_the_first_message() {
    let (mut tree, _) = Recorder::tree();
    let bank = tree.worker(Bank::spec());
    let _tree = tree.start().await.unwrap();
    assert_eq!(bank.reserves().snapshot().len(), 1);
    assert!(bank.transfer_and_panic("ada".into(), "bob".into(), 1).await.is_err());
    bank.wait_serving(2).await.unwrap();
    assert_eq!(bank.reserves().get("bank"), Some(1_000));
}

#[tokio::test]
async fn a_boundary_marked_in_the_middle_stays() {
    let (bank, _tree) = bank().await;
    assert!(bank.two_steps("ada".into()).await.is_err());
    bank.wait_serving(2).await.unwrap();
    assert_eq!(balance(&bank, "ada"), 99);
}

#[tokio::test]
async fn readers_work_before_the_first_start_while_nobody_owns_and_after_the_end() {
    let (mut tree, _) = Recorder::tree();
    let bank = tree.worker(Bank::spec());
    let balances = bank.balances();
    assert_eq!(balances.get("ada"), None);
    let tree = tree.start().await.unwrap();
    bank.open("ada".into(), 7).await.unwrap();
    assert_eq!(balances.get("ada"), Some(7));
    bank.kill();
    assert_eq!(balances.get("ada"), Some(7));
    bank.open("bob".into(), 8).await.unwrap();
    assert_eq!(balances.get("bob"), Some(8), "live across incarnations");
    tree.shutdown().await;
    assert_eq!(balances.get("ada"), Some(7));
    assert_eq!(bank.balances().len(), 2);
}

#[tokio::test]
async fn claimed_tables_can_be_written_and_read() {
    let (bank, tree) = bank().await;
    tree.shutdown().await;
    let mut tables = bank.estate().claim("test").unwrap();
    tables.balances.insert("eve".into(), 1);
    assert_eq!((tables.balances.get("eve"), bank.balances().get("eve")), (Some(1), None));
    tables.balances.commit();
    assert_eq!(bank.balances().get("eve"), Some(1));
    assert_eq!(bank.balances().snapshot().get("eve"), Some(&1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_kills_tear_no_transfer_in_the_tables_or_in_any_snapshot() {
    let (bank, tree) = bank().await;
    let over = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (balances, over) = (bank.balances(), Arc::clone(&over));
        move || {
            let mut snapshots = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let snapshot = balances.snapshot();
                let total: i64 = snapshot.values().sum();
                assert_eq!(total, 100, "torn: {:?}", snapshot.iter().collect::<Vec<_>>());
                snapshots += 1;
            }
            snapshots
        }
    });
    let calling = tokio::spawn({
        let (bank, over) = (bank.clone(), Arc::clone(&over));
        async move {
            let mut answered = 0_u64;
            while !over.load(Ordering::Relaxed) {
                answered += u64::from(bank.transfer("ada".into(), "bob".into(), 1).await.is_ok());
            }
            answered
        }
    });
    let mut kills = 0;
    while kills < 10_000 {
        kills += u32::from(bank.kill().is_some());
        for _ in 0..kills % 4 {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Relaxed);
    let answered = calling.await.unwrap();
    let snapshots = reading.join().unwrap();
    tree.shutdown().await;
    let tables = bank.estate().claim("test").unwrap();
    println!("{kills} kills, {answered} transfers answered, {snapshots} snapshots read");
    assert!(snapshots > 0);
    assert_eq!(tables.transfers.len() as u64, answered);
    assert_eq!(tables.balances.get("bob"), Some(i64::try_from(answered).unwrap()));
    assert_eq!(tables.balances.get("ada"), Some(100 - i64::try_from(answered).unwrap()));
    assert_eq!(tables.touched.len() as u64, 2 * answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_in_a_tight_loop_miss_nothing_through_ten_thousand_hand_overs() {
    let (bank, _tree) = bank().await;
    let over = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (balances, over) = (bank.balances(), Arc::clone(&over));
        move || {
            let mut reads = 0_u64;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(balances.get("ada"), Some(100));
                assert_eq!(balances.len(), 2);
                reads += 1;
            }
            reads
        }
    });
    for _ in 0..10_000 {
        wait_until(|| bank.kill().is_some()).await;
    }
    over.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 10_000);
}
