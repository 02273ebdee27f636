//! The words are listed.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(strategy = simple_one_for_one)]
struct App {
    counter: Counter,
}

fn main() {}
