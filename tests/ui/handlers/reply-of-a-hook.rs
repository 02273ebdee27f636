//! A hook is no message.

use heir_runtime::{Table, handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    #[on(start)]
    #[reply(early)]
    fn begin(&mut self) {}
}

fn main() {}
