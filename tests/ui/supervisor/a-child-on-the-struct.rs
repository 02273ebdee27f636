use heir_runtime::{handlers, heir, supervisor};

#[heir]
struct Counter {
    #[table(keep)]
    counts: u64,
}

#[handlers]
impl Counter {}

#[supervisor]
#[child(restart = temporary, colour = "blue")]
struct App {
    counter: Counter,
}

fn main() {}
