//! A recorded table needs no word, whatever its name is.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

type Counts<K> = Table<K, u64>;

#[heir]
struct Counter {
    #[table(keep, init = Table::for_tests())]
    counts: Counts<String>,
}

#[handlers]
impl Counter {}

fn main() {}
