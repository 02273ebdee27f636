//! Both places are shown.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep, init = 1, init = 2)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
