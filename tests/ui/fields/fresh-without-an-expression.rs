//! `#[fresh]` says how.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[fresh]
    cache: u64,
}

#[handlers]
impl Counter {}

fn main() {}
