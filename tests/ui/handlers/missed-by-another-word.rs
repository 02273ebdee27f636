//! The value is one of two words.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s", missed = catchup)]
    fn sweep(&mut self) {}
}

fn main() {}
