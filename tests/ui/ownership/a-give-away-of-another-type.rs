//! The recipient is for other tables.

use heir_runtime::estate;

fn main() {
    let (_counts, lease) = estate("counts", vec![1]);
    let (names, _names_lease) = estate("names", vec!["one"]);
    let (recipient, _incoming) = names.recipient("second");
    let _ = lease.give_away(recipient);
}
