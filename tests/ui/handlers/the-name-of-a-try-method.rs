//! Every message has a `try_` twin.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self) {}

    fn try_count(&mut self) {}
}

fn main() {}
