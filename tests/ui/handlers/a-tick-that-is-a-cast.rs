//! A tick is sent by the worker's own clock, and a cast by others.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[cast]
    #[every("1s")]
    fn sweep(&mut self) {}
}

fn main() {}
