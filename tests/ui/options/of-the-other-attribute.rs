//! The options of the worker are on the struct.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers(mailbox = 64)]
impl Counter {}

fn main() {}
