//! The mark has none.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[cast(later)]
    fn count(&mut self) {}
}

fn main() {}
