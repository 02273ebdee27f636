//! The tables are another's.

use heir_runtime::estate::Estate;

fn main() {
    let (estate, mut lease) = Estate::new("counts", vec![1]);
    let (recipient, _incoming) = estate.recipient("second");
    let counts: &mut Vec<u64> = &mut lease;
    let _ = lease.give_away(recipient);
    counts.push(2);
}
