//! A value that cannot be stored is one error, however much of the program uses the worker.

use heir_runtime::table::Table;
use heir_runtime::{Supervisor, handlers, heir, supervisor};
use serde::Serialize;

#[derive(Clone, Default)]
struct State(u64);

/// It can be written, but not read.
#[derive(Clone, Serialize)]
struct Name(&'static str);

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    #[table(rollback)]
    state: State,
    #[table(rollback, init = Name("a"))]
    name: Name,
    #[table(rollback, survives = task)]
    cached: State,
}

#[handlers]
impl Counter {
    fn count(&mut self) -> u64 {
        self.state.0 += 1;
        self.state.0
    }
}

#[supervisor]
struct App {
    counter: Counter,
}

async fn by_hand() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let _ = counter.clone().count().await;
}

async fn declared() {
    let app = App::start().await.unwrap();
    let _ = app.counter.count().await;
}

fn main() {}
