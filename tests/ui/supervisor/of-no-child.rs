//! A field is a worker, a supervisor, or many workers.

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
    counter: Counter,
    name: String,
}

fn main() {}
