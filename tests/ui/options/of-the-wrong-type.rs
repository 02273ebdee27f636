//! A number is no text.

use heir_runtime::{handlers, heir};

#[heir(mailbox = "64")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
