//! A worker is taken apart when an incarnation ends.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

impl Drop for Counter {
    fn drop(&mut self) {}
}

fn main() {}
