//! A worker is a struct.

use heir_runtime::heir;

#[heir]
trait Counter {}

fn main() {}
