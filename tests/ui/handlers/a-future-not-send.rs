//! An incarnation moves between threads.

use heir_runtime::{handlers, heir};

use std::rc::Rc;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    async fn count(&mut self) -> u64 {
        let by = Rc::new(1);
        std::future::ready(()).await;
        self.count + *by
    }
}

fn main() {}
