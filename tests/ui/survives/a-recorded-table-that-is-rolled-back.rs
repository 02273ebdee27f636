//! A recorded table is not rolled back, also if it could be stored: that is the one mistake.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table(rollback)]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
