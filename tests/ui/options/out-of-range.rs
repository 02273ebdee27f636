//! The range is shown.

use heir_runtime::{handlers, heir};

#[heir(mailbox = 65536)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
