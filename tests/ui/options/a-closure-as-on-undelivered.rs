//! A hook has a name.

use heir_runtime::{handlers, heir};

#[heir(on_undelivered = |lost| drop(lost))]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
