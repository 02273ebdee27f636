//! The workers of a `Dynamic` cannot all have one name.

use heir_runtime::{Dynamic, handlers, heir, supervisor};

#[heir]
struct Ledger {
    #[table(keep)]
    sum: u64,
}

#[handlers]
impl Ledger {}

#[heir]
struct Stock {
    #[table(keep)]
    left: u64,
}

#[handlers]
impl Stock {}

#[heir]
struct Front {
    #[table(keep)]
    count: u64,
    #[arg]
    ledger: LedgerHandle,
}

#[handlers]
impl Front {}

#[supervisor]
struct App {
    #[child(registered = "ledger")]
    ledgers: Dynamic<u64, Ledger>,
}

fn main() {
    drop(App::start());
}
