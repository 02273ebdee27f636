//! A count has no sign.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(intensity = -1)]
struct App {
    counter: Counter,
}

fn main() {}
