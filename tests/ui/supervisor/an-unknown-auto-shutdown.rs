//! The words are listed.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(auto_shutdown = any)]
struct App {
    counter: Counter,
}

fn main() {}
