//! A bound is a number.

use heir_runtime::{handlers, heir};

#[heir(quarantine = fresh, max_quarantined = "2")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
