//! It says how often.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[redeliver(0)]
    fn count(&mut self) {}
}

fn main() {}
