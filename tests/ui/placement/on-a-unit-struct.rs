//! A worker has a table.

use heir_runtime::{handlers, heir};

#[heir]
struct Counter;

#[handlers]
impl Counter {}

fn main() {}
