//! What exists is listed.

use heir_runtime::{handlers, heir};

#[heir(colour = red)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
