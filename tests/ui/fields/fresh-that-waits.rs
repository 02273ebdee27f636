//! What is made anew for every incarnation is made at once.

use heir_runtime::{handlers, heir};

async fn open() -> u64 {
    7
}

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[fresh(open().await)]
    port: u64,
}

#[handlers]
impl Counter {}

fn main() {}
