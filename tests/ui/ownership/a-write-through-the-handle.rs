//! The handle gives a reader.

use heir_runtime::{Table, handlers, heir};

#[heir]
pub struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

pub fn write(counter: &CounterHandle) {
    counter.counts().insert(String::from("hits"), 1);
}

fn main() {}
