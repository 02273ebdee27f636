//! A table that is not recorded is one mistake, also in a worker that is stored.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    count: u64,
    #[table]
    rows: Table<f64, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
