//! The handle has a field of its own.

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
    counter: Counter,
    __supervisor: Counter,
}

fn main() {
    drop(App::start());
}
