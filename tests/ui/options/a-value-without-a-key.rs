//! An option has a name.

use heir_runtime::{handlers, heir};

#[heir("counter")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
