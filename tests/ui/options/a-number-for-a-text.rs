//! A text is in quotes.

use heir_runtime::{handlers, heir};

#[heir(name = 5)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
