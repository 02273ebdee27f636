//! An incarnation moves between threads.

use heir_runtime::{handlers, heir};

use std::rc::Rc;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    cache: Rc<u64>,
}

#[handlers]
impl Counter {}

fn main() {}
