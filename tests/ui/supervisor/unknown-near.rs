//! The nearest option is suggested.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(stratgey = one_for_all)]
struct App {
    counter: Counter,
}

fn main() {}
