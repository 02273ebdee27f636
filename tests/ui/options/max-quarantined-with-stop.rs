//! A worker that stops parks nothing.

use heir_runtime::{handlers, heir};

#[heir(quarantine = stop, max_quarantined = 2)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
