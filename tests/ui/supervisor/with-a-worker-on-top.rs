//! A struct is one of them.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[heir]
#[heir_runtime::supervisor]
struct App {
    #[table(keep)]
    counter: u64,
}

#[handlers]
impl App {}

fn main() {}
