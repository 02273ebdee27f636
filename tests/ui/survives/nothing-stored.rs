//! A worker that outlives the process has something in the store.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table(survives = task)]
    counts: Table<String, u64>,
    #[table(keep, survives = task)]
    seen: Vec<u64>,
}

#[handlers]
impl Counter {}

fn main() {}
