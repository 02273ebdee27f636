//! A word is not in quotes.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(strategy = "one_for_all")]
struct App {
    counter: Counter,
}

fn main() {}
