//! The words are in parentheses.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table = "keep"]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
