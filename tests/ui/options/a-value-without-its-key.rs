//! The value of an option stands after its key.

use heir_runtime::{handlers, heir, supervisor};

#[heir(transient)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(one_for_all)]
struct App {
    #[child(brutal_kill)]
    counter: Counter,
}

fn main() {}
