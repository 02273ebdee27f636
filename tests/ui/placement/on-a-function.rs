//! A worker is a struct.

use heir_runtime::heir;

#[heir]
fn counter() {}

fn main() {
    counter();
}
