//! The runtime calls it.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    unsafe fn count(&mut self) -> u64 {
        self.count
    }
}

fn main() {}
