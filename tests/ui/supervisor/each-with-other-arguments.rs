//! `each` takes the key and the arguments, in their order.

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

fn front(_: &u64, ledger: LedgerHandle) -> heir_runtime::Spec<Front> {
    Front::spec(ledger)
}

#[supervisor]
struct App {
    #[child(each = front)]
    fronts: Dynamic<u64, Front>,
}

fn main() {
    drop(App::start());
}
