//! Only a cast without arguments can be made a tick.

use std::time::Duration;

use heir_runtime::{Missed, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[cast]
    fn add(&mut self, by: u64) {
        self.count += by;
    }
}

fn main() {
    let _ = Counter::spec().every(Duration::from_secs(1), Missed::Skip, CounterMessage::Add);
}
