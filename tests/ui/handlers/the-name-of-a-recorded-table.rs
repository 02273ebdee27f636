//! The reader's method has this name.

use heir_runtime::{handlers, heir, Table};

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    fn counts(&mut self) -> usize {
        self.counts.len()
    }
}

fn main() {}
