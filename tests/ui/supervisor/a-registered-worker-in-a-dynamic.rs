//! A worker that is registered cannot be started for each key.

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

#[heir(registered = "session")]
struct Session {
    #[table(keep)]
    visits: u64,
}

#[handlers]
impl Session {}

#[supervisor]
struct App {
    ledger: Ledger,
    sessions: Dynamic<u64, Session>,
}

fn main() {
    drop(App::start());
}
