//! Both places are shown.

use heir_runtime::{handlers, heir};

#[heir(mailbox = 64, name = "counter", mailbox = 128)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
