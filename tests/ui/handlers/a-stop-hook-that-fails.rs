//! Nothing can fail any more.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(stop)]
    fn end(&mut self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
