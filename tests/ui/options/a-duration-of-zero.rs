//! A length of time is not zero.

use heir_runtime::{handlers, heir};

#[heir(start_timeout = "0s")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
