//! The option has a value.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s", missed)]
    fn sweep(&mut self) {}
}

fn main() {}
