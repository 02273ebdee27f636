//! All are reported at once.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(kep)]
    count: u64,
    #[arg(x)]
    limit: u64,
    #[table(keep)]
    #[fresh(1)]
    other: u64,
}

#[handlers]
impl Counter {}

fn main() {}
