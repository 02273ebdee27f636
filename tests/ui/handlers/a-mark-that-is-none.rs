//! Calls need no mark, and hooks name their event.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[call]
    fn count(&mut self) -> u64 {
        self.count
    }

    #[start]
    fn begin(&mut self) {}

    #[on("stop")]
    fn end(&mut self) {}

    #[on = verify]
    fn check(&mut self) {}
}

fn main() {}
