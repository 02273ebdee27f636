//! What tables outlive is said where the tables are.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

#[supervisor]
struct App {
    #[child(survives = process)]
    counter: Counter,
}

fn main() {}
