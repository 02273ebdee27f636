//! A bare `#[table]` is for recorded tables.

use heir_runtime::{handlers, heir};

use std::collections::HashMap;

#[heir]
struct Counter {
    #[table]
    counts: HashMap<String, u64>,
}

#[handlers]
impl Counter {}

fn main() {}
