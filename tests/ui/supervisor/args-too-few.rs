//! What is missing is shown.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[arg]
    limit: u64,
    #[arg]
    other: u8,
}

#[handlers]
impl Counter {}

#[supervisor]
struct App {
    #[child(args(limit: u64))]
    counter: Counter,
}

fn main() {
    drop(App::start(1));
}
