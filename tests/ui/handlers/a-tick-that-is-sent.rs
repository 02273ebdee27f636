//! Nobody but the worker's own clock sends a tick.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s")]
    fn purge(&mut self) {}
}

fn main() {
    let send = async |counter: CounterHandle| counter.purge().await;
}
