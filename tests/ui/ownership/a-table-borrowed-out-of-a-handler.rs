//! A reply leaves the worker.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: Vec<u64>,
}

#[handlers]
impl Counter {
    fn all(&mut self) -> std::slice::Iter<'_, u64> {
        self.counts.iter()
    }
}

fn main() {}
