//! The tables are passed on by name.

use heir_runtime::heir;

#[heir]
struct Counter(#[table(keep)] u64);

fn main() {
    let _ = Counter(1);
}
