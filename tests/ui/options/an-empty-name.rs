//! A name is not empty.

use heir_runtime::{handlers, heir};

#[heir(name = "")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
