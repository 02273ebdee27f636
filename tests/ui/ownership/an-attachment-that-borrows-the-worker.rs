//! What is sent later is made of what it owns.

use std::time::Duration;

use heir_runtime::{Context, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    counts: Vec<u8>,
}

#[handlers]
impl Counter {
    fn begin(&mut self, cx: &mut Context<Self>) {
        cx.send_after(Duration::from_secs(1), move |counter| async move { counter.add(self.counts[0]).await });
    }

    #[cast]
    fn add(&mut self, n: u8) {
        self.counts.push(n);
    }
}

fn main() {}
