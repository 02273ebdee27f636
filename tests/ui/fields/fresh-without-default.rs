//! Each incarnation has its own.

use heir_runtime::{handlers, heir};

struct Cache;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    cache: Cache,
}

#[handlers]
impl Counter {}

fn main() {}
