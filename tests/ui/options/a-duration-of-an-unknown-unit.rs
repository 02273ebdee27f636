//! The units are shown.

use heir_runtime::{handlers, heir};

#[heir(shutdown = "5 days")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
