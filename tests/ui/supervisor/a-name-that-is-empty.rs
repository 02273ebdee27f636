//! A name is not empty.

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
    #[child(name = "")]
    counter: Counter,
}

fn main() {}
