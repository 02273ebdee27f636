//! The nearest option is suggested.

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
    #[child(restrat = transient)]
    counter: Counter,
}

fn main() {}
