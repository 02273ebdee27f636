//! An example is shown.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep, init)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
