//! Somebody looks at it.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(auto_shutdown = never)]
struct App {
    #[child(significant, restart = transient)]
    counter: Counter,
}

fn main() {}
