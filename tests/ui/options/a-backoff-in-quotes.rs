//! A word is not in quotes.

use heir_runtime::{handlers, heir};

#[heir(backoff = "none")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
