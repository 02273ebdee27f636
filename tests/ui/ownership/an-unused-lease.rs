//! Dropping it returns the tables.

#![deny(unused_must_use)]

use heir_runtime::estate;

fn main() {
    estate("counts", vec![1]);
}
