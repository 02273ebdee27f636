//! Nobody sends it one.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(start)]
    fn begin(&mut self, by: u64) {
        self.count = by;
    }
}

fn main() {}
