//! The first value is the table's.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep, init = "one")]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
