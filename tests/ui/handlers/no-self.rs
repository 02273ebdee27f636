//! A message is served by the owner.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count() -> u64 {
        1
    }
}

fn main() {}
