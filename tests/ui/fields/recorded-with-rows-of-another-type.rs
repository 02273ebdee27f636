//! The first rows are the table's.

use heir_runtime::{handlers, heir, Table};

#[heir]
struct Counter {
    #[table(init = [1, 2])]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
