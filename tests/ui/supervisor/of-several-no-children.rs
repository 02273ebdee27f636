//! Each is one error.

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
    name: String,
    port: u16,
    counter: Counter,
}

fn main() {}
