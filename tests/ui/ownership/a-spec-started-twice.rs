//! One spec, one worker.

use heir_runtime::{Supervisor, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {
    let mut tree = Supervisor::builder("app");
    let spec = Counter::spec();
    let _first = tree.worker(spec);
    let _second = tree.worker(spec);
}
