//! A length of time is a text.

use heir_runtime::{handlers, heir};

#[heir(start_timeout = 60)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
