//! A hook is the incarnation's.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(start)]
    fn begin() {}
}

fn main() {}
