//! Nothing is sent.

#![deny(unused_must_use)]

use heir_runtime::{handlers, heir};

#[heir]
pub struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self) -> u64 {
        self.count
    }
}

pub fn caller(counter: &CounterHandle) {
    counter.count();
}

fn main() {}
