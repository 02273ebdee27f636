//! The fields of a worker are no children.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[child]
    other: u64,
}

#[handlers]
impl Counter {}

fn main() {}
