//! A path goes on below a field, and rustc checks it.

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
struct Back {
    ledger: Ledger,
}

#[supervisor]
struct App {
    #[child(args(ledger = back.leger))]
    front: Front,
    back: Back,
}

fn main() {
    drop(App::start());
}
