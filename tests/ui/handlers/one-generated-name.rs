//! Two messages cannot be one.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count_up(&mut self) {}

    fn count__up(&mut self) {}
}

fn main() {}
