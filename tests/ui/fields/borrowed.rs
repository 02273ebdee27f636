//! The tables outlive every task.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter<'a> {
    #[table(keep)]
    name: &'a str,
}

#[handlers]
impl<'a> Counter<'a> {}

fn main() {}
