//! A worker says once what its tables outlive.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process, survives = task)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
