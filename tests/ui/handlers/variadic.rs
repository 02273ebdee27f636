//! A message has a fixed number of arguments.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, _: ...) -> u64 {
        self.count
    }
}

fn main() {}
