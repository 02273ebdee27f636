//! Options are in parentheses.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
struct App {
    #[child = "counter"]
    counter: Counter,
}

fn main() {}
