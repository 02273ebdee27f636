//! A tick has a period.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every]
    fn sweep(&mut self) {}
}

fn main() {}
