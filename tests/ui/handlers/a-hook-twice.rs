//! An event has one hook.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(start)]
    fn begin(&mut self) {}

    #[on(start)]
    fn start(&mut self) {}
}

fn main() {}
