//! `each` makes the spec of the worker of its `Dynamic`.

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

fn stock(_: &u64) -> heir_runtime::Spec<Stock> {
    Stock::spec()
}

#[supervisor]
struct App {
    #[child(each = stock)]
    ledgers: Dynamic<u64, Ledger>,
}

fn main() {
    drop(App::start());
}
