//! A worker is a struct.

use heir_runtime::heir;

#[heir]
union Counter {
    count: u64,
}

fn main() {
    let _ = Counter { count: 1 };
}
