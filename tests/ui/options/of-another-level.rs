//! A word of a field is no option of the struct.

use heir_runtime::{handlers, heir};

#[heir(keep)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
