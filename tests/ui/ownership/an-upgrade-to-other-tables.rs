//! A live upgrade passes the tables on as they are.

use heir_runtime::supervision::ChildError;
use heir_runtime::{SupervisorHandle, handlers, heir};

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {}

#[heir]
struct CounterV2 {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl CounterV2 {}

async fn upgrade(tree: SupervisorHandle, counter: CounterHandle) -> Result<CounterV2Handle, ChildError> {
    tree.upgrade_child(&counter, CounterV2::spec()).await
}

fn main() {}
