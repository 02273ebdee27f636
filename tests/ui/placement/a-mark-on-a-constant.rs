//! The marks go on methods.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[skip]
    const LIMIT: u64 = 7;
}

fn main() {
    let _ = Counter::LIMIT;
}
