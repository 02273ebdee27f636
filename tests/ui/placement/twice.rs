//! All options go into one attribute.

use heir_runtime::{handlers, heir};

#[heir(mailbox = 1)]
#[heir(name = "counter")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
