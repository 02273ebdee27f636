//! A reply moves between tasks.

use heir_runtime::{handlers, heir};

use std::rc::Rc;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self) -> Rc<u64> {
        Rc::new(self.count)
    }
}

fn main() {}
