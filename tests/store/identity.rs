//! Whose tables they are: the worker's of that path.

use heir_runtime::store::{InMemory, Store, StoreOptions};
use heir_runtime::{Dynamic, Supervisor, Table, handlers, heir};
use heir_tests::disk::Disk;

use crate::bank::{Bank, store};

/// Starts with rows, unless the store has its table.
#[heir(survives = process)]
pub struct Seeded {
    #[table(init = seed(&self_started))]
    pub rows: Table<u64, u64>,
    #[arg]
    self_started: Started,
}

pub type Started = std::sync::Arc<std::sync::atomic::AtomicU64>;

fn seed(started: &Started) -> [(u64, u64); 1] {
    [(started.fetch_add(1, std::sync::atomic::Ordering::Relaxed), 0)]
}

#[handlers]
impl Seeded {
    pub fn add(&mut self, row: u64) {
        self.rows.insert(row, 1);
    }
}

#[tokio::test]
async fn init_runs_once_for_all_processes_also_if_it_makes_no_rows() {
    let (kept, started) = (Store::in_memory(), Started::default());
    for start in 0..3 {
        let mut tree = Supervisor::builder("app").store(kept.clone());
        let seeded = tree.worker(Seeded::spec(Started::clone(&started)));
        let tree = tree.start().await.unwrap();
        assert_eq!(started.load(std::sync::atomic::Ordering::Relaxed), 1, "start {start}");
        assert_eq!(seeded.rows().len(), 1 + start);
        seeded.add(100 + start as u64).await.unwrap();
        tree.shutdown().await;
    }
}

#[tokio::test]
async fn the_path_below_the_root_is_what_a_worker_is_known_by() {
    let kept = Store::in_memory();
    for (root, expected) in [("app", None), ("renamed", Some(7))] {
        let mut tree = Supervisor::builder(root).store(kept.clone());
        let mut shop = Supervisor::builder("shop");
        let inner = shop.worker(Bank::spec(crate::bank::Done::default()));
        let outer = tree.worker(Bank::spec(crate::bank::Done::default()));
        tree.child(shop);
        let tree = tree.start().await.unwrap();
        assert_eq!((inner.sum(1).await.unwrap(), outer.sum(1).await.unwrap()), (expected, None));
        inner.put(1, 7).await.unwrap();
        tree.shutdown().await;
    }
}

#[tokio::test]
async fn two_trees_cannot_have_the_tables_of_one_path_at_once() {
    let kept = Store::in_memory();
    let (first, _, _) = Bank::in_store(&kept);
    let first = first.start().await.unwrap();
    let (second, _, _) = Bank::in_store(&kept);
    let error = second.start().await.unwrap_err().to_string();
    assert!(error.contains("the tables of `Bank` are claimed already"), "{error}");
    first.shutdown().await;
    let (third, _, _) = Bank::in_store(&kept);
    third.start().await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_tree_without_a_store_says_what_to_write() {
    let mut tree = Supervisor::builder("app");
    tree.worker(Bank::spec(crate::bank::Done::default()));
    let error = tree.start().await.unwrap_err().to_string();
    assert!(error.contains("`.store(Store::open(path)?)`"), "{error}");
}

/// A basket for each customer.
#[heir(survives = process)]
struct Basket {
    #[table]
    pub items: Table<u64, u64>,
}

#[handlers]
impl Basket {
    pub fn put(&mut self, item: u64) -> u64 {
        self.items.add(item, 1)
    }
}

#[tokio::test]
async fn each_key_of_a_dynamic_has_tables_of_its_own_which_wait_for_it_until_it_is_started() {
    let file = InMemory::new();
    for start in 1..=2 {
        let store = file.open();
        let mut tree = Supervisor::builder("app").store(store.clone());
        let baskets = tree.child(Dynamic::<u64, Basket>::spec().name("baskets"));
        let tree = tree.start().await.unwrap();
        let names = store.orphans().into_iter().map(|(worker, _)| worker).collect::<Vec<_>>();
        let expected: &[&str] = if start == 1 { &[] } else { &["baskets/Basket[1]", "baskets/Basket[2]"] };
        assert_eq!(names, expected, "nobody has asked for them yet");
        for key in [1, 2] {
            let basket = baskets.start(key, Basket::spec()).await.unwrap();
            assert_eq!(basket.put(key * 10).await.unwrap(), start);
        }
        assert!(store.orphans().is_empty());
        // One that is stopped gives its claim back, and finds its rows when it is started again.
        baskets.get(&1).unwrap().stop().await;
        let again = baskets.start(1, Basket::spec()).await.unwrap();
        assert_eq!(again.items().get(&10), Some(start));
        tree.shutdown().await;
    }
}

/// They are claimed and loaded side by side before their turns come, so that not each waits for a sync of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_of_many_workers_are_claimed_together() {
    const WORKERS: u64 = 64;
    let disk = Disk::default();
    for start in 0..3 {
        let kept = store(&disk).unwrap();
        let before = disk.syncs();
        let mut tree = Supervisor::builder("app").store(kept.clone());
        let banks: Vec<_> = (0..WORKERS)
            .map(|number| {
                tree.worker(Bank::spec(crate::bank::Done::default()).name(format!("bank {number}")))
            })
            .collect();
        let tree = tree.start().await.unwrap();
        let syncs = disk.syncs() - before;
        assert!(start == 0 || syncs < WORKERS / 4, "{syncs} syncs");
        for (number, bank) in (0..).zip(&banks) {
            assert_eq!(bank.sum(number).await.unwrap(), (start > 0).then_some(start));
            bank.put(number, start + 1).await.unwrap();
        }
        tree.shutdown().await;
        kept.close().await.unwrap();
    }
}

/// A worker that is not started leaves its tables to whoever starts it next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_gives_up_what_is_claimed_for_later_turns() {
    let disk = Disk::default();
    let kept = store(&disk).unwrap();
    for _ in 0..20 {
        let mut tree = Supervisor::builder("app").store(kept.clone());
        tree.worker(Fails::spec());
        tree.worker(Bank::spec(crate::bank::Done::default()));
        tree.start().await.unwrap_err();
    }
    let mut tree = Supervisor::builder("app").store(kept);
    let bank = tree.worker(Bank::spec(crate::bank::Done::default()));
    let tree = tree.start().await.unwrap();
    bank.put(1, 1).await.unwrap();
    tree.shutdown().await;
}

#[heir]
struct Fails {
    #[table(keep)]
    starts: u64,
}

#[handlers]
impl Fails {
    #[on(start)]
    fn started(&mut self) -> Result<(), heir_runtime::BoxError> {
        self.starts += 1;
        Err("it does not start".into())
    }
}

/// A table under one name of its type.
mod before {
    use super::{Table, handlers, heir};

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub struct Order {
        pub quantity: u64,
    }

    #[heir(survives = process)]
    pub struct Shop {
        #[table]
        pub orders: Table<u64, Order>,
    }

    #[handlers]
    impl Shop {
        pub fn order(&mut self, number: u64, quantity: u64) {
            self.orders.insert(number, Order { quantity });
        }
    }
}

/// The same under its next name.
mod after {
    use super::{Table, handlers, heir};

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub struct Sale {
        pub quantity: u64,
    }

    #[heir(survives = process)]
    pub struct Shop {
        #[table]
        pub orders: Table<u64, Sale>,
    }

    #[handlers]
    impl Shop {
        pub fn quantity(&mut self, number: u64) -> Option<u64> {
            self.orders.with(&number, |sale| sale.quantity)
        }
    }
}

/// What a program finds that has the new name.
async fn quantity(kept: Store) -> Result<Option<u64>, String> {
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let shop = tree.worker(after::Shop::spec());
    let tree = tree.start().await.map_err(|error| error.to_string())?;
    let quantity = shop.quantity(1).await.unwrap();
    tree.shutdown().await;
    kept.close().await.unwrap();
    Ok(quantity)
}

/// The life of a name: `open` opens one place again and again, as a new process each time.
async fn a_type_is_renamed(open: impl Fn(StoreOptions) -> Store) {
    let store = open(StoreOptions::default());
    let mut tree = Supervisor::builder("app").store(store.clone());
    let shop = tree.worker(before::Shop::spec());
    let tree = tree.start().await.unwrap();
    shop.order(1, 7).await.unwrap();
    tree.shutdown().await;
    store.close().await.unwrap();

    let refused = quantity(open(StoreOptions::default())).await.unwrap_err();
    let expected = "`StoreOptions::renamed(\"Table<u64, Order>\", \"Table<u64, Sale>\")`";
    assert!(refused.contains(expected), "{refused}");

    let another = StoreOptions::default().renamed("Table<u64, Sale>", "Table<u64, Order>");
    assert!(quantity(open(another)).await.is_err(), "the other way round it is another type");

    // From name to name; that it goes round does no harm.
    let renamed = StoreOptions::default()
        .renamed("Table<u64, Thing>", "Table<u64, Sale>")
        .renamed("Table<u64, Order>", "Table<u64, Thing>")
        .renamed("Table<u64, Sale>", "Table<u64, Order>");
    assert_eq!(quantity(open(renamed)).await.unwrap(), Some(7));

    // It is remembered: no later program has to say it, and the one with the old name is refused.
    assert_eq!(quantity(open(StoreOptions::default())).await.unwrap(), Some(7));
    let mut tree = Supervisor::builder("app").store(open(StoreOptions::default()));
    tree.worker(before::Shop::spec());
    let refused = tree.start().await.unwrap_err().to_string();
    let expected = "as a `Table<u64, Sale>`, and it is declared as a `Table<u64, Order>`";
    assert!(refused.contains(expected), "{refused}");
}

#[tokio::test]
async fn a_type_with_another_name_is_accepted_when_that_is_said_and_remembered_in_memory() {
    let file = InMemory::new();
    a_type_is_renamed(|options| options.open_in(&file)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_with_another_name_is_accepted_when_that_is_said_and_remembered_in_a_file() {
    let disk = std::sync::Mutex::new(Disk::default());
    a_type_is_renamed(|options| {
        // What was on the disk when the process before it ended.
        let mut disk = disk.lock().unwrap();
        *disk = Disk::with(disk.contents());
        options.open_on(disk.backend()).unwrap()
    })
    .await;
}
