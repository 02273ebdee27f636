//! Only what is parked has a bound.

use heir_runtime::{handlers, heir};

#[heir(max_quarantined = 2)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
