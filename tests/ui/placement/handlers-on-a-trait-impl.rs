//! Handlers are no trait's methods.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Default for Counter {
    fn default() -> Self {
        Self { count: 0 }
    }
}

#[handlers]
impl Counter {}

fn main() {}
