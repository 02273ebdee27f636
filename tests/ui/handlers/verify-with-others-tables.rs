//! The tables are the worker's.

use heir_runtime::{Verdict, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(verify)]
    fn check(tables: &mut Vec<u64>) -> Verdict {
        tables.clear();
        Verdict::Accept
    }
}

fn main() {}
