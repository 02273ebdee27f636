//! Nothing would outlive a crash.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
