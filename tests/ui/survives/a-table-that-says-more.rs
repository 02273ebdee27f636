//! A table survives no more than its worker.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(survives = process)]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
