//! An example is shown.

use heir_runtime::{handlers, heir};

#[heir(restart)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
