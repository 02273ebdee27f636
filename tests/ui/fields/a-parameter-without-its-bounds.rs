//! Bounds are written, none is added unseen.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter<K> {
    #[table(keep, init = None)]
    last: Option<K>,
}

#[handlers]
impl<K> Counter<K> {}

fn main() {}
