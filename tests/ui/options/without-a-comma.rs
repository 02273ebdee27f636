//! Options are separated by commas.

use heir_runtime::{handlers, heir};

#[heir(mailbox = 64 name = "counter")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
