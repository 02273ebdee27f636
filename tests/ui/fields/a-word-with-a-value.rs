//! A bare word has none.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep = true)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
