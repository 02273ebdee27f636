//! Both forms are shown.

use heir_runtime::{handlers, heir};

#[heir(shutdown = kill)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
