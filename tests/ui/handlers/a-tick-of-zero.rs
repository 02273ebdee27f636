//! A period is not zero.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("0ms")]
    fn sweep(&mut self) {}
}

fn main() {}
