//! Only a length of time is in quotes.

use heir_runtime::{handlers, heir};

#[heir(while_down = "fail")]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

fn main() {}
