//! A tick is one of the worker's messages, and has a name among them.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s")]
    fn sweep_all(&mut self) {}

    #[expect(non_snake_case)]
    fn sweepAll(&mut self) {}
}

fn main() {}
