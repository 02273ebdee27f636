//! A worker is a struct.

use heir_runtime::heir;

#[heir]
enum Counter {
    Idle,
}

fn main() {
    let _ = Counter::Idle;
}
