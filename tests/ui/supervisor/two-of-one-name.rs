//! Both places are shown.

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
    counter: Counter,
    #[child(name = "counter")]
    other: Counter,
}

fn main() {
    drop(App::start());
}
