//! The nearest event is suggested.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(stopp)]
    fn end(&mut self) {}
}

fn main() {}
