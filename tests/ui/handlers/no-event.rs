//! The events are listed.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on]
    fn end(&mut self) {}
}

fn main() {}
