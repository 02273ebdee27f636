//! The tables are another's.

use heir_runtime::estate::Estate;

fn main() {
    let (estate, mut lease) = Estate::new("counts", vec![1]);
    let (recipient, _incoming) = estate.recipient("second");
    let _ = lease.give_away(recipient);
    lease.push(2);
}
