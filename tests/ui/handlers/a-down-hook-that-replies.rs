//! Nobody waits for the answer of a hook.

use heir_runtime::links::Down;
use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: Vec<u8>,
}

#[handlers]
impl Counter {
    #[on(down)]
    fn monitored_ended(&mut self, _down: &Down) -> usize {
        self.counts.len()
    }
}

fn main() {}
