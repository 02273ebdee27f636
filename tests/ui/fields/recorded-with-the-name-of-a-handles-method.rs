//! The reader's method would have this name.

use heir_runtime::{handlers, heir, Table};

#[heir]
struct Counter {
    #[table]
    status: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
