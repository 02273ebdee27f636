use heir_runtime::{handlers, heir};

#[heir]
#[arg]
struct Counter {
    #[table(keep)]
    counts: u64,
}

#[handlers]
impl Counter {}

fn main() {}
