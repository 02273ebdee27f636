//! A length of time has a unit.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every(100)]
    fn sweep(&mut self) {}
}

fn main() {}
