//! Left to rustc.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    name: &str,
}

#[handlers]
impl Counter {}

fn main() {}
