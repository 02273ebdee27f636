//! A table is of one kind.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep, rollback)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
