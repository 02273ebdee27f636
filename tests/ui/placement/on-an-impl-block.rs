//! An impl block has the other attribute.

use heir_runtime::heir;

struct Counter;

#[heir]
impl Counter {}

fn main() {
    let _ = Counter;
}
