//! A reply leaves the worker.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self) -> &u64 {
        &self.count
    }
}

fn main() {}
