//! All are reported at once, and callers add none.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(stratgey = one_for_all, intensity = -1)]
struct App {
    #[child(restart = always, shutdown = 5)]
    first: Counter,
    #[child(args(limit), name = "")]
    second: Counter,
    #[child(name = "first")]
    third: Counter,
}

fn main() {
    drop(App::start());
}
