//! Each attempt gets a clone.

use heir_runtime::{handlers, heir};

struct By;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[redeliver(3)]
    fn count(&mut self, _by: By) {}
}

fn main() {}
