//! What an exit signal brings is not what a monitor brings.

use heir_runtime::links::Down;
use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: Vec<u8>,
}

#[handlers]
impl Counter {
    #[on(exit)]
    fn linked_ended(&mut self, _down: &Down) {}
}

fn main() {}
