//! It says whether the tables pass on.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(verify)]
    fn check(tables: &mut CounterTables) -> bool {
        tables.count > 0
    }
}

fn main() {}
