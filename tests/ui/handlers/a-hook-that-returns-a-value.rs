//! A hook succeeds or fails.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(start)]
    fn begin(&mut self) -> u64 {
        self.count
    }
}

fn main() {}
