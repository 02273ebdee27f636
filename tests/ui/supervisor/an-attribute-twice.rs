//! All options go into one attribute.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(intensity = 5)]
#[supervisor(period = "10s")]
struct App {
    counter: Counter,
}

fn main() {}
