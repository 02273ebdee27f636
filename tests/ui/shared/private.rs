//! Who takes tables over can see them.

mod first {
    use heir_runtime::{Table, handlers, heir};

    #[heir]
    pub struct Counter {
        #[table]
        counts: Table<String, u64>,
        #[table(rollback)]
        total: u64,
    }

    #[handlers]
    impl Counter {}
}

use heir_runtime::{Table, handlers, heir};

#[heir(tables = first::CounterTables)]
struct CounterV2 {
    #[table]
    counts: Table<String, u64>,
    #[table(rollback)]
    total: u64,
}

#[handlers]
impl CounterV2 {}

fn main() {}
