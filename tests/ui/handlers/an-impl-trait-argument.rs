//! A message has one concrete type.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: impl Into<u64>) {
        self.count = key.into();
    }
}

fn main() {}
