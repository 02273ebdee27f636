//! There is one word.

use heir_runtime::{Table, handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    #[reply(eager)]
    fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }
}

fn main() {}
