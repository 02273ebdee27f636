//! A cast has no reply that could leave early.

use heir_runtime::{Table, handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    #[cast]
    #[reply(early)]
    fn forget(&mut self, key: String) {
        self.counts.remove(&key);
    }
}

fn main() {}
