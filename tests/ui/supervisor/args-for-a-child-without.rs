//! It takes none.

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
    #[child(args(limit: u64))]
    counter: Counter,
}

fn main() {
    drop(App::start(1));
}
