//! The handle's method names it too.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, (key, by): (u64, u64)) {
        self.count = key + by;
    }
}

fn main() {}
