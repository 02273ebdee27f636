//! What a worker has is no option of a supervisor.

use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[supervisor(mailbox = 64)]
struct App {
    counter: Counter,
}

fn main() {}
