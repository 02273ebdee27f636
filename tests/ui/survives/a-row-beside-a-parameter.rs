//! A type without parameters is held against the rules in a generic worker, too.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[derive(Clone)]
struct Row;

#[heir(survives = process)]
struct Counter<K: Clone + Send + 'static> {
    #[table]
    rows: Table<String, Row>,
    #[arg]
    key: K,
}

#[handlers]
impl<K: Clone + Send + 'static> Counter<K> {
    fn count(&mut self) -> usize {
        self.rows.len()
    }
}

async fn in_use(counter: CounterHandle<u64>) {
    let _ = counter.count().await;
}

fn main() {}
