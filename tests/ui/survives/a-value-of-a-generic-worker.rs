//! Bounds are written, none is added unseen, also those of serde on a value.

use heir_runtime::{handlers, heir};

#[heir(survives = process)]
struct Last<K>
where
    K: Clone + Default + Send + 'static,
{
    #[table(rollback)]
    last: Vec<K>,
}

#[handlers]
impl<K> Last<K> where K: Clone + Default + Send + 'static {}

fn main() {}
