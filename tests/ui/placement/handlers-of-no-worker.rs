//! The struct has no `#[heir]`.

use heir_runtime::handlers;

struct Counter;

#[handlers]
impl Counter {
    fn count(&mut self) -> u64 {
        1
    }
}

fn main() {
    let _ = Counter;
}
