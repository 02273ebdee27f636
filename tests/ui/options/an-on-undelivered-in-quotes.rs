//! A path is not in quotes.

use heir_runtime::{handlers, heir};

#[heir(on_undelivered = "lost")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
