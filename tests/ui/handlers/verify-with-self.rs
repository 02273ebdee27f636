//! There is no incarnation.

use heir_runtime::{Verdict, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(verify)]
    fn check(&mut self) -> Verdict {
        Verdict::Accept
    }
}

fn main() {}
