//! A heartbeat is a length of time, or left out.

use heir_runtime::{handlers, heir};

#[heir(heartbeat = never, handler_timeout = 5)]
struct Counter {
    #[table(keep)]
    counts: Vec<u8>,
}

#[handlers]
impl Counter {}

fn main() {}
