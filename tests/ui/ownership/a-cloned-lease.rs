//! There is one owner.

use heir_runtime::{Lease, estate};

fn main() {
    let (_estate, lease) = estate("counts", vec![1]);
    let _second: Lease<Vec<u64>> = lease.clone();
}
