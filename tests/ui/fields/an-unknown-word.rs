//! The nearest word is suggested.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(kept)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
