//! An exponential one has two.

use heir_runtime::{handlers, heir};

#[heir(backoff = exponential)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
