//! Several recorded tables of one worker: they commit, are undone, repaired and made anew together.

use heir_runtime::{Exit, OrderedTable, Supervisor, Table, Verdict, handlers, heir};
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
}

type Rows = [Vec<(&'static str, u32)>; 3];

#[handlers]
impl Three {
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

async fn dies_over(three: &ThreeHandle, key: &'static str) {
    let next = three.incarnation() + 1;
    three.put_and_die(key).await.unwrap();
    three.wait_serving(next).await.unwrap();
}

#[tokio::test]
async fn the_first_rows_of_every_table_stay_when_the_first_message_crashes() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let three = tree.child(Three::spec());
    let _tree = tree.start().await.unwrap();
    dies_over(&three, "lost").await;
    assert_eq!(rows(&three), all_with(&["first"]));
}

#[tokio::test]
async fn what_a_verify_hook_repairs_in_every_table_stays_when_the_next_message_crashes() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let three = tree.child(Three::spec());
    let _tree = tree.start().await.unwrap();
    three.put("second").await.unwrap();
    dies_over(&three, "lost").await;
    assert_eq!(rows(&three), all_with(&["first", "second", "repaired"]));
    dies_over(&three, "lost").await;
    assert_eq!(rows(&three), all_with(&["first", "second", "repaired"]));
}

#[tokio::test]
async fn a_reset_makes_every_table_anew_and_that_stays_when_the_next_message_crashes() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let three = tree.child(Three::spec());
    let _tree = tree.start().await.unwrap();
    for key in ["second", "third", "fourth"] {
        three.put(key).await.unwrap();
    }
    dies_over(&three, "lost").await;
    assert_eq!(rows(&three), all_with(&["first"]));
    dies_over(&three, "lost").await;
    assert_eq!(rows(&three), all_with(&["first"]));
}
