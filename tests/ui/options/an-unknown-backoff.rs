//! The forms are shown.

use heir_runtime::{handlers, heir};

#[heir(backoff = linear)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
