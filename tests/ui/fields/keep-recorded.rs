//! A recorded table needs no word.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
