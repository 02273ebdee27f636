//! Every handle has this method.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn status(&mut self) -> u64 {
        self.count
    }
}

fn main() {}
