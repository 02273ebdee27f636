//! All options go into one attribute.

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
    #[child(shutdown = "1s")]
    #[child(restart = transient)]
    counter: Counter,
}

fn main() {}
