//! All three forms are shown.

use heir_runtime::{handlers, heir};

#[heir(while_down = refuse)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
