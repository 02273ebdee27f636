use heir_runtime::{handlers, heir};

#[heir]
#[child(restart = temporary)]
struct Counter {
    #[table(keep)]
    counts: u64,
}

#[handlers]
impl Counter {}

fn main() {}
