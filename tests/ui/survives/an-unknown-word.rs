//! A worker outlives one of two things.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = restart)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
