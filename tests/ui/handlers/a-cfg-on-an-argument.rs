//! An argument is always there.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, #[cfg(unix)] by: u64) -> u64 {
        self.count + by
    }
}

fn main() {}
