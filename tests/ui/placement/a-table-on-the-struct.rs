use heir_runtime::{handlers, heir};

#[heir]
#[table(keep)]
struct Counter {
    counts: u64,
}

#[handlers]
impl Counter {}

fn main() {}
