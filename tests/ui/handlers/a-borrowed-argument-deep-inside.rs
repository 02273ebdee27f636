//! A message waits in the mailbox.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, keys: Vec<(u8, &str)>) -> usize {
        keys.len()
    }
}

fn main() {}
