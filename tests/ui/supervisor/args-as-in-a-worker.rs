//! What a child takes is named in its `#[child(..)]`.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[arg]
    by: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
struct App {
    #[arg(by: u64)]
    counter: Counter,
}

fn main() {}
