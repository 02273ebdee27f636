//! Without arguments, there is no list.

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
    #[child(args())]
    counter: Counter,
}

fn main() {}
