use heir_runtime::{handlers, heir};

#[heir]
#[fresh(Vec::new())]
struct Counter {
    #[table(keep)]
    counts: u64,
}

#[handlers]
impl Counter {}

fn main() {}
