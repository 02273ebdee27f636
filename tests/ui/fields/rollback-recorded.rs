//! A recorded table needs no word, whatever its rows are.

use heir_runtime::table::{BagTable, OrderedTable};
use heir_runtime::{handlers, heir};

#[heir]
struct Counter<K: Ord + Clone + Send + Sync + 'static> {
    #[table(rollback)]
    counts: BagTable<u64, OrderedKey<K>>,
    #[table(rollback)]
    ordered: OrderedTable<K, u64>,
}

#[derive(Clone)]
struct OrderedKey<K>(K);

#[handlers]
impl<K: Ord + Clone + Send + Sync + 'static> Counter<K> {}

fn main() {}
