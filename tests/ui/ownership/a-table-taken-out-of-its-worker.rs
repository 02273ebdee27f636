//! Its readers would follow the wrong one.

use heir_runtime::{Table, handlers, heir};

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    fn clear(&mut self) {
        let _old = std::mem::take(&mut self.counts);
    }
}

fn main() {}
