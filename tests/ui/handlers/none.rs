//! A worker needs its handlers.

use heir_runtime::heir;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

fn main() {}
