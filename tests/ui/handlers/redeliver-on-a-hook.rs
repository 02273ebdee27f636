//! A hook is no message.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(start)]
    #[redeliver(3)]
    fn begin(&mut self) {}
}

fn main() {}
