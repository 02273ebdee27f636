//! An option is given once.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s", missed = skip, missed = catch_up)]
    fn sweep(&mut self) {}
}

fn main() {}
