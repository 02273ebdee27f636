//! A permanent child never ends.

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
    #[child(significant, restart = permanent)]
    counter: Counter,
}

fn main() {}
