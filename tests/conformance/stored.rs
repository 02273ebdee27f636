//! What a worker says of its tables that outlive the process.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use heir_runtime::by_hand::Worker;
use heir_runtime::table::{BagTable, OrderedTable, Table};
use heir_runtime::{handlers, heir};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key(u64);

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    words: Vec<String>,
}

/// Of each kind one, and what is not stored.
#[heir(survives = process)]
struct Mixed {
    #[table(survives = task)]
    cached: Table<Key, Arc<Row>>,
    #[table(survives = process)]
    rows: Table<Key, Row>,
    #[table(keep, survives = task)]
    seen: Vec<u64>,
    #[table]
    by_day: OrderedTable<u32, f64>,
    #[table(rollback, survives = task, init = vec![1])]
    queue: Vec<u64>,
    #[table(init = [(1, String::new())])]
    names: BagTable<u8, String>,
}

#[handlers]
impl Mixed {
    fn look(&mut self) -> usize {
        self.cached.len() + self.rows.len() + self.by_day.len() + self.names.len()
    }

    fn others(&mut self) -> usize {
        self.seen.len() + self.queue.len()
    }
}

/// Its bounds are enough for serde.
#[heir(survives = process)]
struct Generic<K>
where
    K: Clone + Eq + Hash + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    #[table(init = None)]
    rows: Table<K, Row>,
}

#[handlers]
impl<K> Generic<K>
where
    K: Clone + Eq + Hash + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    fn look(&mut self) -> usize {
        self.rows.len()
    }
}

/// It says nothing.
#[heir]
struct Plain {
    #[table]
    rows: Table<u64, Arc<[u8]>>,
}

#[handlers]
impl Plain {
    fn look(&mut self) -> usize {
        self.rows.len()
    }
}

/// What a store reads of a worker.
fn told<W: Worker>() -> (bool, String) {
    let stored = W::stored();
    let told: Vec<&dyn Debug> = stored.iter().map(|table| table as &dyn Debug).collect();
    (W::IS_STORED, format!("{told:?}"))
}

#[test]
fn a_worker_lists_its_stored_tables_by_place_name_and_type() {
    let (is_stored, tables) = told::<Mixed>();
    assert!(is_stored);
    assert_eq!(Mixed::stored().len(), 3);
    let told =
        ["rows", "Table<Key, Row>", "by_day", "OrderedTable<u32, f64>", "names", "BagTable<u8, String>"];
    let places =
        told.map(|part| tables.find(&format!("\"{part}\"")).unwrap_or_else(|| panic!("{part}: {tables}")));
    assert!(places.is_sorted(), "{tables}");
    assert!(!tables.contains("cached") && !tables.contains("seen"), "{tables}");
}

#[test]
fn a_generic_worker_stores_what_its_bounds_allow() {
    let (is_stored, tables) = told::<Generic<Key>>();
    assert!(is_stored && tables.contains("Table<K, Row>"), "{tables}");
}

#[test]
fn a_worker_that_says_nothing_stores_nothing() {
    assert_eq!(told::<Plain>(), (false, String::from("[]")));
}

#[tokio::test]
async fn a_table_that_no_store_knows_has_its_first_rows() {
    let tables = Mixed::create((), Mixed::readers()).await.unwrap();
    assert_eq!((tables.names.len(), tables.rows.len(), tables.queue.len()), (1, 0, 1));
}
