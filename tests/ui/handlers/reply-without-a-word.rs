//! When the reply leaves is said by a word.

use heir_runtime::{Table, handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    #[reply]
    fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }
}

fn main() {}
