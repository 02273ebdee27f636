//! Rows that cannot be stored are one error each, however much of the program uses the worker.

use heir_runtime::table::{OrderedTable, Table};
use heir_runtime::{Supervisor, handlers, heir, supervisor};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key(u64);

#[derive(Clone)]
struct Row(u64);

/// It can be written, but not read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Name(&'static str);

#[heir(survives = process)]
struct Counter {
    #[table]
    known: Table<Key, u64>,
    #[table(init = [(Key(1), Row(1))])]
    rows: Table<Key, Row>,
    #[table]
    names: OrderedTable<Name, ()>,
    #[table(survives = task)]
    cached: Table<Key, Row>,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: Key) -> Option<u64> {
        self.rows.with(&key, |row| row.0)
    }
}

#[supervisor]
struct App {
    counter: Counter,
}

async fn by_hand() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let _ = counter.clone().count(Key(1)).await;
    let _ = counter.rows().len();
    let _ = counter.snapshot();
}

async fn declared() {
    let app = App::start().await.unwrap();
    let _ = app.counter.count(Key(1)).await;
}

fn main() {}
