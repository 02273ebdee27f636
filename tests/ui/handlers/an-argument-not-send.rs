//! A message moves between tasks.

use heir_runtime::{handlers, heir};

use std::rc::Rc;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, by: Rc<u64>) -> u64 {
        self.count + *by
    }
}

fn main() {}
