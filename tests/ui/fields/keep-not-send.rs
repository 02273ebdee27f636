//! A table moves between tasks.

use heir_runtime::{handlers, heir};

use std::rc::Rc;

#[heir]
struct Counter {
    #[table(keep)]
    count: Rc<u64>,
}

#[handlers]
impl Counter {}

fn main() {}
