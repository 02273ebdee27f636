//! A length of time fits into the milliseconds of a `u64`.

use heir_runtime::{handlers, heir};

#[heir(shutdown = "18446744073709551616ms")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
