//! One transfer, one owner.

use heir_runtime::estate::Estate;

fn main() {
    let (first, lease) = Estate::new("first", vec![1]);
    let (_second, other) = Estate::new("second", vec![1]);
    let (recipient, _incoming) = first.recipient("next");
    let _ = lease.give_away(recipient);
    let _ = other.give_away(recipient);
}
