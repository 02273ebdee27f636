//! The first pause is the shortest.

use heir_runtime::{handlers, heir};

#[heir(backoff = exponential("10s", "100ms"))]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
