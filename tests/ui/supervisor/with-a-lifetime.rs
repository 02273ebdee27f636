//! The children run in tasks of their own.

use heir_runtime::{Dynamic, handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
struct App<'a> {
    counters: Dynamic<&'a str, Counter>,
}

fn main() {}
