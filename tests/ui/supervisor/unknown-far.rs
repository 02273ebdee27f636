//! What exists is listed.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(colour = red)]
struct App {
    counter: Counter,
}

fn main() {}
