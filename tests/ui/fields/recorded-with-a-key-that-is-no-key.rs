//! The table says what it asks of its key.

use heir_runtime::{handlers, heir, Table};

#[heir]
struct Counter {
    #[table]
    counts: Table<f64, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
