//! There is one owner.

use heir_runtime::estate::{Estate, Lease};

fn main() {
    let (_estate, lease) = Estate::new("counts", vec![1]);
    let _second: Lease<Vec<u64>> = lease.clone();
}
