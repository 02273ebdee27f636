//! The period has no key.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every(period = "1s")]
    fn sweep(&mut self) {}
}

fn main() {}
