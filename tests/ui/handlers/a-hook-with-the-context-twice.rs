//! There is one.

use heir_runtime::{Context, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(start)]
    fn begin(&mut self, _first: &mut Context<Self>, _second: &mut Context<Self>) {}
}

fn main() {}
