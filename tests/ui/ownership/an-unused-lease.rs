//! Dropping it returns the tables.

#![deny(unused_must_use)]

use heir_runtime::estate::Estate;

fn main() {
    Estate::new("counts", vec![1]);
}
