//! The example as its users run it.

use std::process::Command;

#[test]
fn no_read_misses_and_no_answered_visit_is_lost() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "readers", "--manifest-path", manifest])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("334 incarnations, 668 visits answered, Some(668) in the table"), "{printed}");
    assert!(printed.contains("\n0 of "), "{printed}");
}
