//! A mailbox has a place.

use heir_runtime::{handlers, heir};

#[heir(mailbox = 0)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
