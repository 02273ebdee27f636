//! A table moves between tasks.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: *mut u64,
}

#[handlers]
impl Counter {}

fn main() {}
