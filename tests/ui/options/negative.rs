//! A count has no sign.

use heir_runtime::{handlers, heir};

#[heir(mailbox = -1)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
