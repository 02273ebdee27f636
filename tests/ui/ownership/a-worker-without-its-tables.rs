//! Only an owner exists.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    scratch: Vec<u8>,
}

#[handlers]
impl Counter {}

fn main() {
    let _counter = Counter { scratch: Vec::new() };
}
