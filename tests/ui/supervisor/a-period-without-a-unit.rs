//! The units are shown.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(period = 10)]
struct App {
    counter: Counter,
}

fn main() {}
