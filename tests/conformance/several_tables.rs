//! Several recorded tables of one worker: they commit, are undone, repaired and made anew together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::{BagTable, Exit, OrderedTable, Supervisor, Table, Verdict, handlers, heir};
use heir_tests::Recorder;
use heir_tests::fuse::die;

/// With three tables that have the same rows, and are judged by how many there are.
#[heir]
struct Three {
    #[table(init = [("first", 1)])]
    hashed: Table<&'static str, u32>,
    #[table(init = [("first", 1)])]
    ordered: OrderedTable<&'static str, u32>,
    #[table(init = [("first", 1)])]
    last: Table<&'static str, u32>,
    /// How many starts fail.
    #[arg]
    fails: Arc<AtomicU32>,
}

type Rows = [Vec<(&'static str, u32)>; 3];

#[handlers]
impl Three {
    #[on(start)]
    fn start(&mut self) -> Result<(), &'static str> {
        self.insert("undone");
        let left = self.fails.load(Ordering::Relaxed);
        self.fails.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 {
            return Err("not now");
        }
        for key in ["undone", "lost"] {
            self.hashed.remove(key);
            self.ordered.remove(key);
            self.last.remove(key);
        }
        Ok(())
    }

    #[on(verify)]
    fn verify(tables: &mut ThreeTables, _: &Exit) -> Verdict {
        match tables.hashed.len() {
            2 => {
                tables.hashed.insert("repaired", 1);
                tables.ordered.insert("repaired", 1);
                tables.last.insert("repaired", 1);
                Verdict::Accept
            }
            4 => Verdict::Reset,
            _ => Verdict::Accept,
        }
    }

    fn put(&mut self, key: &'static str) {
        self.insert(key);
    }

    #[cast]
    fn put_and_die(&mut self, key: &'static str) {
        self.insert(key);
        die();
    }
}

impl Three {
    fn insert(&mut self, key: &'static str) {
        self.hashed.insert(key, 1);
        self.ordered.insert(key, 1);
        self.last.insert(key, 1);
    }
}

fn rows(three: &ThreeHandle) -> Rows {
    let mut rows = [
        three.hashed().snapshot().iter().map(|(key, row)| (*key, *row)).collect::<Vec<_>>(),
        three.ordered().snapshot().iter().map(|(key, row)| (*key, *row)).collect(),
        three.last().snapshot().iter().map(|(key, row)| (*key, *row)).collect(),
    ];
    rows.iter_mut().for_each(|rows| rows.sort_unstable());
    rows
}

fn all_with(keys: &[&'static str]) -> Rows {
    let mut rows: Vec<_> = keys.iter().map(|key| (*key, 1)).collect();
    rows.sort_unstable();
    [rows.clone(), rows.clone(), rows]
}

/// A worker that has these rows beside the first ones.
async fn three(keys: &[&'static str]) -> (Supervisor, ThreeHandle, Arc<AtomicU32>) {
    let (mut tree, fails) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(AtomicU32::new(0)));
    let three = tree.child(Three::spec(Arc::clone(&fails)));
    let tree = tree.start().await.unwrap();
    for key in keys {
        three.put(key).await.unwrap();
    }
    (tree, three, fails)
}

/// Has the worker die over a message, and its next start fail.
async fn dies_twice(three: &ThreeHandle, fails: &AtomicU32) {
    fails.store(1, Ordering::Relaxed);
    let next = three.incarnation() + 2;
    three.put_and_die("lost").await.unwrap();
    three.wait_serving(next).await.unwrap();
}

#[tokio::test]
async fn the_first_rows_of_every_table_survive_a_first_start_that_fails() {
    let (mut tree, fails) = (Supervisor::builder("app"), Arc::new(AtomicU32::new(1)));
    let three = tree.child(Three::spec(fails));
    tree.start().await.unwrap_err();
    three.wait_stopped().await;
    assert_eq!(rows(&three), all_with(&["first"]));
    let tables = three.estate().claim("test").unwrap();
    assert_eq!([tables.hashed.len(), tables.ordered.len(), tables.last.len()], [1; 3]);
}

#[tokio::test]
async fn what_a_verify_hook_repairs_in_every_table_survives_a_next_start_that_fails() {
    let (_tree, three, fails) = three(&["second"]).await;
    dies_twice(&three, &fails).await;
    assert_eq!(rows(&three), all_with(&["first", "second", "repaired"]));
}

#[tokio::test]
async fn a_reset_makes_every_table_anew_and_survives_a_next_start_that_fails() {
    let (_tree, three, fails) = three(&["second", "third", "fourth"]).await;
    dies_twice(&three, &fails).await;
    assert_eq!(rows(&three), all_with(&["first"]));
}

/// One table of each kind, with values that are counted.
#[heir]
struct Kinds {
    #[table(init = [(0, Arc::default())])]
    set: Table<u32, Arc<()>>,
    #[table(init = [(0, Arc::default())])]
    ordered: OrderedTable<u32, Arc<()>>,
    #[table(init = [(0, Arc::default())])]
    bag: BagTable<u32, Arc<()>>,
}

#[handlers]
impl Kinds {
    #[on(verify)]
    fn verify(tables: &mut KindsTables, _: &Exit) -> Verdict {
        if tables.set.contains_key(&99) { Verdict::Reset } else { Verdict::Accept }
    }

    fn put(&mut self, n: u32, value: Arc<()>) {
        self.set.insert(n, Arc::clone(&value));
        self.ordered.insert(n, Arc::clone(&value));
        self.bag.insert(n, value);
    }

    fn put_and_die(&mut self, n: u32, value: Arc<()>) {
        self.put(n, value);
        die();
    }
}

async fn kinds() -> (Supervisor, KindsHandle) {
    let (mut tree, _) = Recorder::tree();
    let kinds = tree.child(Kinds::spec());
    (tree.start().await.unwrap(), kinds)
}

#[tokio::test]
async fn a_reset_leaves_no_old_row_in_a_table_of_any_kind() {
    let (_tree, kinds) = kinds().await;
    kinds.put(99, Arc::default()).await.unwrap();
    kinds.kill();
    kinds.wait_serving(2).await.unwrap();
    assert_eq!([kinds.set().len(), kinds.ordered().len(), kinds.bag().len()], [1; 3]);
    let first = (kinds.set().get(&0), kinds.ordered().get(&0), kinds.bag().get(&0).len());
    assert!(matches!(first, (Some(_), Some(_), 1)), "{first:?}");
}

#[tokio::test]
async fn a_value_that_was_undone_is_dropped_before_the_next_incarnation_serves() {
    let (_tree, kinds) = kinds().await;
    let value = Arc::new(());
    kinds.put_and_die(7, Arc::clone(&value)).await.unwrap_err();
    kinds.wait_serving(2).await.unwrap();
    assert_eq!(Arc::strong_count(&value), 1);
}
