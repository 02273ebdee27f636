//! The argument is shown.

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
    #[child(args(limit: String))]
    counter: Counter,
}

fn main() {
    drop(App::start(String::new()));
}
