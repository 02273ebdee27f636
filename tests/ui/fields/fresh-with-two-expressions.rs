//! A field has one value.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[fresh(1, 2)]
    cache: u64,
}

#[handlers]
impl Counter {}

fn main() {}
