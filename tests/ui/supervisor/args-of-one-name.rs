//! Both places are shown.

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
    #[child(args(limit: u64))]
    first: Counter,
    #[child(args(limit: u64))]
    second: Counter,
}

fn main() {
    drop(App::start(1, 2));
}
