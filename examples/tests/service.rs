//! The service of several workers, as its users run it: all of them are killed a hundred times a second, and the totals are exact.

use std::process::Command;

#[test]
fn a_service_of_workers_that_call_each_other_loses_nothing_and_serves_the_others_of_a_bad_user() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "service", "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        "mallory was given up (panic: mallory is a bad user) after more than 300 crashes: true; she has spent 0
the ledger has what the users were answered: true
so have the users: true; 20 of 20 have come to their limit
each session is closed, and its user has been told: true
more than 100 incarnations of each: true
ready and alive
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
