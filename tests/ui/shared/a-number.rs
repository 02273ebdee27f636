//! A path is no number.

use heir_runtime::{Table, handlers, heir};

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    #[table(rollback)]
    total: u64,
}

#[handlers]
impl Counter {}

#[heir(tables = 2)]
struct CounterV2 {
    #[table]
    counts: Table<String, u64>,
    #[table(rollback)]
    total: u64,
}

#[handlers]
impl CounterV2 {}

fn main() {}
