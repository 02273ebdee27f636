//! The nearest option is suggested.

use heir_runtime::{handlers, heir};

#[heir(restrat = transient)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
