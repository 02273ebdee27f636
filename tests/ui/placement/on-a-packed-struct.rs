//! A packed field cannot be borrowed.

use heir_runtime::{handlers, heir};

#[heir]
#[repr(C, packed)]
struct Counter {
    #[table(rollback)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
