//! What a message writes is seen by nobody else before its commit, and then all of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use heir_runtime::{BagTable, Context, OrderedTable, Table, handlers, heir};
use heir_tests::Recorder;
use tokio::sync::Notify;

/// Three tables that a message writes to one after the other.
#[heir]
struct Ledger {
    #[table]
    first: Table<u64, u64>,
    #[table]
    second: OrderedTable<u64, u64>,
    #[table]
    third: BagTable<u64, u64>,
    #[arg]
    halfway: Arc<Notify>,
}

#[handlers]
impl Ledger {
    /// Writes to all of them, and dies if the number is odd.
    async fn write(&mut self, number: u64) -> usize {
        self.first.insert(number, number);
        self.second.insert(number, number);
        tokio::task::yield_now().await;
        self.third.insert(number, number);
        assert!(number.is_multiple_of(2), "odd");
        self.first.len()
    }

    /// Writes, and waits in the middle.
    async fn stay(&mut self, number: u64) {
        self.first.insert(number, number);
        self.second.insert(number, number);
        self.halfway.notify_one();
        std::future::pending::<()>().await;
    }

    /// Writes to all, and says what it reads of its own writes and through a reader.
    fn reads(&mut self, number: u64) -> (bool, bool) {
        self.first.clear();
        self.first.insert(number, number);
        let own = self.first.get(&number) == Some(number) && self.first.len() == 1;
        let others = self.first.reader();
        (own, others.contains_key(&number))
    }

    /// So many values of one key, in one message.
    fn many(&mut self, values: u64) -> usize {
        for value in 0..values {
            self.third.insert_duplicate(0, value);
        }
        self.third.len()
    }
}

async fn ledger() -> (LedgerHandle, heir_runtime::Supervisor, Arc<Notify>) {
    let (mut tree, _) = Recorder::tree();
    let halfway = Arc::new(Notify::new());
    let ledger = tree.worker(Ledger::spec(Arc::clone(&halfway)));
    (ledger, tree.start().await.unwrap(), halfway)
}

#[tokio::test]
async fn readers_see_nothing_of_a_message_that_is_under_way_nor_of_one_that_died() {
    let (ledger, tree, halfway) = ledger().await;
    let waits = ledger.clone();
    let waits = tokio::spawn(async move { waits.stay(7).await });
    halfway.notified().await;
    let seen =
        || (ledger.first().get(&7), ledger.second().first(), ledger.first().len(), ledger.second().len());
    assert_eq!(seen(), (None, None, 0, 0));
    ledger.kill();
    assert!(waits.await.unwrap().is_err());
    assert_eq!(seen(), (None, None, 0, 0));
    assert_eq!(ledger.write(8).await.unwrap(), 1);
    assert_eq!(
        (ledger.first().get(&8), ledger.second().get(&8), ledger.third().get(&8)),
        (Some(8), Some(8), vec![8])
    );
    tree.shutdown().await;
}

#[tokio::test]
async fn a_message_reads_its_own_writes_and_a_reader_in_it_does_not() {
    let (ledger, tree, _) = ledger().await;
    ledger.write(2).await.unwrap();
    assert_eq!(ledger.reads(4).await.unwrap(), (true, false));
    assert_eq!((ledger.first().get(&2), ledger.first().get(&4)), (None, Some(4)));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_message_may_put_any_number_of_values_behind_one_key() {
    let (ledger, tree, _) = ledger().await;
    assert_eq!(ledger.many(100_000).await.unwrap(), 100_000);
    assert_eq!(ledger.third().get(&0).len(), 100_000);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_sees_a_row_of_a_message_that_died_nor_half_of_one_in_a_snapshot() {
    const MESSAGES: u64 = 20_000;
    let (ledger, tree, _) = ledger().await;
    let over = Arc::new(AtomicBool::new(false));
    let reading: Vec<_> = (0..2)
        .map(|_| {
            let (ledger, over) = (ledger.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                let (first, second, third) = (ledger.first(), ledger.second(), ledger.third());
                let is_even = |number: &u64| number.is_multiple_of(2);
                let mut boundary = 0;
                while !over.load(Ordering::Relaxed) {
                    assert!(first.iter().all(|(key, _)| is_even(&key)));
                    assert!(second.iter().rev().all(|(key, _)| is_even(&key)));
                    assert!(third.iter().all(|(key, _)| is_even(&key)));
                    assert!(second.last().is_none_or(|(key, _)| is_even(&key)));
                    assert!((0..8).map(|n| 2 * n + 1).all(|odd| first.get(&odd).is_none()));
                    let snapshot = ledger.snapshot();
                    assert!(snapshot.boundary() >= boundary, "boundaries only grow");
                    boundary = snapshot.boundary();
                    let (first, second, third) = snapshot.into_rows();
                    assert_eq!(
                        first.len() as u64,
                        boundary,
                        "a boundary for each message that has committed"
                    );
                    assert!(first.keys().all(is_even));
                    assert!(
                        second.keys().eq({
                            let mut keys: Vec<_> = first.keys().copied().collect();
                            keys.sort_unstable();
                            keys
                        }
                        .iter())
                    );
                    assert!(first.keys().all(|key| third.get(key).map(Vec::as_slice) == Some(&[*key])));
                    assert_eq!(third.len(), first.len());
                }
            })
        })
        .collect();
    for number in 0..MESSAGES {
        let written = ledger.write(number).await;
        assert_eq!(written.is_ok(), number.is_multiple_of(2));
    }
    over.store(true, Ordering::Relaxed);
    reading.into_iter().for_each(|reading| reading.join().unwrap());
    assert_eq!(ledger.first().len() as u64, MESSAGES / 2);
    tree.shutdown().await;
}

type Taken = Arc<Mutex<Option<Table<u32, u32>>>>;

/// A worker that takes its tables out of their places.
#[heir]
struct Careless {
    #[table]
    left: Table<u32, u32>,
    #[table]
    right: Table<u32, u32>,
    #[arg]
    taken: Taken,
}

#[handlers]
impl Careless {
    fn put(&mut self, left: u32, right: u32) {
        self.left.insert(left, 1);
        self.right.insert(right, 1);
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.left, &mut self.right);
        self.left.insert(100, 100);
    }

    fn swap_and_back(&mut self, key: u32) {
        std::mem::swap(&mut self.left, &mut self.right);
        self.left.insert(key, 2);
        std::mem::swap(&mut self.left, &mut self.right);
    }

    fn take(&mut self) {
        let taken = std::mem::replace(&mut self.left, Table::for_tests());
        *self.taken.lock().unwrap() = Some(taken);
    }

    fn swap_and_commit(&mut self, cx: &mut Context<Self>) {
        std::mem::swap(&mut self.left, &mut self.right);
        cx.commit(self);
    }
}

#[tokio::test]
async fn a_table_that_was_swapped_or_replaced_is_found_at_the_boundary_and_each_field_has_its_rows_again() {
    let (mut tree, _) = Recorder::tree();
    let taken = Taken::default();
    let worker = tree.worker(Careless::spec(Arc::clone(&taken)));
    let tree = tree.start().await.unwrap();
    worker.put(1, 2).await.unwrap();
    let is_told = |told: String| {
        assert!(told.contains("a recorded table was swapped with another, or replaced"), "{told}");
    };
    is_told(worker.swap().await.unwrap_err().to_string());
    is_told(worker.swap_and_commit().await.unwrap_err().to_string());
    is_told(worker.take().await.unwrap_err().to_string());
    // A table that is back at the boundary was never away.
    worker.swap_and_back(4).await.unwrap();
    worker.put(3, 5).await.unwrap();
    let keys = |table: heir_runtime::table::TableReader<u32, u32>| {
        let mut keys: Vec<_> = table.keys().collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!((keys(worker.left()), keys(worker.right())), (vec![1, 3], vec![2, 4, 5]));

    // The one that was taken out reads what is there, and writes nothing.
    let mut taken = taken.lock().unwrap().take().unwrap();
    assert_eq!(taken.get(&3), Some(1));
    let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| taken.insert(9, 9)));
    let words = written.unwrap_err();
    assert_eq!(
        words.downcast_ref::<&str>(),
        Some(&"this table was taken out of its worker: it can be read, and written to no more")
    );
    assert_eq!(keys(worker.left()), [1, 3]);
    tree.shutdown().await;
}
