//! The recipient is for other tables.

use heir_runtime::estate::Estate;

fn main() {
    let (_counts, lease) = Estate::new("counts", vec![1]);
    let (names, _names_lease) = Estate::new("names", vec!["one"]);
    let (recipient, _incoming) = names.recipient("second");
    let _ = lease.give_away(recipient);
}
