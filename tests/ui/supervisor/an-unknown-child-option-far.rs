//! What exists is listed.

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
    #[child(colour = red)]
    counter: Counter,
}

fn main() {}
