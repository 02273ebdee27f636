//! Arguments are separated by commas.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[arg]
    limit: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
struct App {
    #[child(args(limit: u64 other: u8))]
    counter: Counter,
}

fn main() {}
