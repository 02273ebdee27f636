//! What to write is said.

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
struct Io {
    #[child(args(limit: u64))]
    counter: Counter,
}

#[supervisor]
struct App {
    io: Io,
}

fn main() {
    drop(App::start());
}
