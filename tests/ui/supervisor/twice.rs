//! Both places are shown.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(intensity = 5, period = "1s", intensity = 6)]
struct App {
    counter: Counter,
}

fn main() {}
