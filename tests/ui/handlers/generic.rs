//! A message has one concrete type.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count<K: Into<u64>>(&mut self, key: K) {
        self.count = key.into();
    }
}

fn main() {}
