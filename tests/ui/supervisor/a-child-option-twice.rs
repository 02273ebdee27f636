//! Both places are shown.

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
    #[child(shutdown = "1s", shutdown = "2s")]
    counter: Counter,
}

fn main() {}
