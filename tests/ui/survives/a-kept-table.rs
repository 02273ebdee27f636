//! What is handed over as it is cannot be stored.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    #[table(keep)]
    seen: Vec<u64>,
    #[table(keep, survives = process)]
    known: Vec<u64>,
}

#[handlers]
impl Counter {}

fn main() {}
