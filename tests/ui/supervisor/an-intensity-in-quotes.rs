//! A number is no text.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(intensity = "5")]
struct App {
    counter: Counter,
}

fn main() {}
