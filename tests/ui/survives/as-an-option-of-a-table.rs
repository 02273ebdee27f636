//! The value alone is no option of a table.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    #[table(task)]
    cached: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
