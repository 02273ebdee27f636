//! A supervisor is a struct.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
union App {
    counter: u64,
}

fn main() {}
