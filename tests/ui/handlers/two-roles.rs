//! A method has one role.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[cast]
    #[on(start)]
    fn begin(&mut self) {}
}

fn main() {}
