//! A struct is one of them.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
#[heir]
struct App {
    counter: Counter,
}

fn main() {}
