//! A pause has a unit.

use heir_runtime::{handlers, heir};

#[heir(backoff = exponential(100, "10s"))]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
