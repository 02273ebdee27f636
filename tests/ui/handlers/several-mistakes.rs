//! All are reported at once, and what is right stays.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: &str) -> u64 {
        self.count + key.len() as u64
    }

    fn peek(&self) -> u64 {
        self.count
    }

    #[cast]
    fn add(&mut self, by: u64) {
        self.count += by;
    }
}

pub async fn caller(counter: &CounterHandle) {
    let _ = counter.count("hits").await;
    let _ = counter.add(1).await;
}

fn main() {}
