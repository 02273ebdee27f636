//! The struct has the other attribute.

use heir_runtime::handlers;

#[handlers]
struct Counter {
    count: u64,
}

fn main() {
    let _ = Counter { count: 1 }.count;
}
