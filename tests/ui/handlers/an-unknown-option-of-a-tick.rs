//! A tick has one option.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s", mised = skip)]
    fn sweep(&mut self) {}
}

fn main() {}
