//! A recorded table is one of three types.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
