//! Nobody waits for it.

use heir_runtime::{Verdict, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[on(verify)]
    async fn check(_tables: &mut CounterTables) -> Verdict {
        Verdict::Accept
    }
}

fn main() {}
