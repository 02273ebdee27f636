//! All are reported at once.

use heir_runtime::{handlers, heir};

#[heir(mailbox = 0, restrat = transient, shutdown = 5, name)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
