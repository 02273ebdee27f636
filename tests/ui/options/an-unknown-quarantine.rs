//! The words are listed.

use heir_runtime::{handlers, heir};

#[heir(quarantine = drop)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
