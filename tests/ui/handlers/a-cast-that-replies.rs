//! A cast has no reply.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[cast]
    fn count(&mut self) -> u64 {
        self.count
    }
}

fn main() {}
