//! A bound has no sign.

use heir_runtime::{handlers, heir};

#[heir(quarantine = fresh, max_quarantined = -1)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
