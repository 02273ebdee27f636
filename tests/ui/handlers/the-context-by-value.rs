//! The context belongs to the incarnation.

use heir_runtime::{Context, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, cx: Context<Self>) -> u64 {
        self.count + cx.incarnation()
    }
}

fn main() {}
