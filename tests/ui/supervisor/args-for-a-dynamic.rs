//! A `Dynamic` takes arguments only for `each`.

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
    ledger: Ledger,
    #[child(args(ledger = ledger))]
    fronts: Dynamic<u64, Front>,
}

fn main() {
    drop(App::start());
}
