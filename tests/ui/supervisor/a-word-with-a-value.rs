//! A bare word has no value.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(auto_shutdown = any_significant)]
struct App {
    #[child(restart = transient, significant = true)]
    counter: Counter,
}

fn main() {}
