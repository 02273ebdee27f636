//! What outlives the machine does not exist yet.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = machine)]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
