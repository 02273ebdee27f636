//! A field has one kind.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    #[arg]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
