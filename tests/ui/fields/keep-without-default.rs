//! A new table has a first value.

use heir_runtime::{handlers, heir};

use std::net::TcpListener;

#[heir]
struct Counter {
    #[table(keep)]
    listener: TcpListener,
}

#[handlers]
impl Counter {}

fn main() {}
