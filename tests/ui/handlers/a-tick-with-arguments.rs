//! Nobody sends a tick anything.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    #[every("1s")]
    fn sweep(&mut self, key: String) {
        drop(key);
    }
}

fn main() {}
