//! Bounds are written, none is added unseen, also those of serde.

use heir_runtime::table::Table;
use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Counter<K>
where
    K: Clone + Eq + std::hash::Hash + Send + Sync + 'static,
{
    #[table]
    counts: Table<K, u64>,
}

#[handlers]
impl<K> Counter<K> where K: Clone + Eq + std::hash::Hash + Send + Sync + 'static {}

fn main() {}
