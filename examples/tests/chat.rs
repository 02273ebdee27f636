//! The example as its users run it.

use std::process::Command;

const PRINTED: &str = "the room has 404 lines, each that was said once: true
client 0 got 404 lines, those of the room in its order: true
client 1 got 404 lines, those of the room in its order: true
client 2 got 404 lines, those of the room in its order: true
client 3 got 404 lines, those of the room in its order: true
sockets closed before the end: 0, clients that still wait for a line: false
at least 200 incarnations of each of 6 workers: true
incarnations of all: ";

#[test]
fn no_socket_is_closed_and_every_client_gets_each_line_once() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "chat", "--manifest-path", manifest])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.starts_with(PRINTED), "{printed}");
}
