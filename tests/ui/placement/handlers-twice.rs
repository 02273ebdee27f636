//! A worker has one block of handlers.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[handlers]
impl Counter {}

fn main() {}
