//! An example is shown.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(strategy)]
struct App {
    counter: Counter,
}

fn main() {}
