//! It is restored from a clone.

use heir_runtime::{handlers, heir};

#[derive(Default)]
struct Count;

#[heir]
struct Counter {
    #[table(rollback)]
    count: Count,
}

#[handlers]
impl Counter {}

fn main() {}
