//! A handle is named by its path.

use heir_runtime::{handlers, heir, supervisor};

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
    #[child(args(ledger = LedgerHandle::new()))]
    front: Front,
    ledger: Ledger,
}

fn main() {
    drop(App::start());
}
