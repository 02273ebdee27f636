//! Each incarnation gets a clone.

use heir_runtime::{handlers, heir};

struct Limits;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
    #[arg]
    limits: Limits,
}

#[handlers]
impl Counter {}

fn main() {}
