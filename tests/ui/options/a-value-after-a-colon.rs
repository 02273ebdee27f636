//! An option and its value are joined by `=`.

use heir_runtime::{handlers, heir};

#[heir(mailbox: 64, restart(transient))]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
