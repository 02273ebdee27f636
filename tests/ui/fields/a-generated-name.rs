//! Generated structs have it.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    __unused: u64,
}

#[handlers]
impl Counter {}

fn main() {}
