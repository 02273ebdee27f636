//! A word has no quotes.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = "process")]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
