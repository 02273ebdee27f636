//! Tables that are rolled back are not stored yet.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    #[table(rollback, init = vec![1])]
    queue: Vec<u64>,
}

#[handlers]
impl Counter {}

fn main() {}
