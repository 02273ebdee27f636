//! Both forms are shown.

use heir_runtime::{handlers, heir};

#[heir(crash_loop = off)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
