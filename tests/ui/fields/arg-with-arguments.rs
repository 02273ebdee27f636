//! The caller gives it.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[arg(1)]
    limit: u64,
}

#[handlers]
impl Counter {}

fn main() {}
