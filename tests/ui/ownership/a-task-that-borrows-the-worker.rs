//! A task has no access to the tables of the worker it runs for: it sends messages.

use heir_runtime::{Context, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: Vec<u8>,
}

#[handlers]
impl Counter {
    fn begin(&mut self, cx: &mut Context<Self>) {
        cx.spawn("writer", async { self.counts.push(1) });
    }
}

fn main() {}
