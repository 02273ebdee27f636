//! The demonstration as its users run it: as a process.

use std::io::Write;
use std::process::{Command, Stdio};

/// What the demonstration prints for this input.
fn etsgive(input: &str) -> String {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut child = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "etsgive", "--manifest-path", manifest])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn counts(output: &str) -> Vec<u64> {
    output.lines().filter_map(|line| line.strip_prefix("Counter: ")).map(|n| n.parse().unwrap()).collect()
}

#[test]
fn without_input_it_plays_a_session_by_itself() {
    let output = etsgive("");
    assert_eq!(counts(&output), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(output.matches("manager gives the tables to worker").count(), 23, "{output}");
    assert_eq!(output.matches("(killed), manager regains").count(), 21);
    assert_eq!(
        output
            .matches("in the middle of a message (panic: asked to die, with rows: 1), manager regains")
            .count(),
        1
    );
}

#[test]
fn commands_are_read_from_a_pipe() {
    let output = etsgive("count 3\ncheck\ndie\ncount\nkill 2\nkill-manager\ncount\ntree\n");
    assert_eq!(counts(&output), [1, 2, 3, 4, 5]);
    assert!(output.contains("[(\"counter\", 3)], owned by counter 1"), "{output}");
    assert!(output.contains("counter worker: incarnation 4 serving"), "{output}");
}

#[test]
fn an_unknown_command_says_what_exists() {
    let output = etsgive("cuont\ncount x\ncheck y\ncount 1 2\nhelp\n");
    assert!(output.contains("there is no command `cuont`; there are:"), "{output}");
    for command in ["count [n]", "check", "die", "kill [n]", "kill-manager", "tree", "help", "quit"] {
        assert!(output.contains(&format!("\n{command}")), "{command}");
    }
    assert!(output.contains("`x` is not a number of times"));
    assert!(output.contains("`check` takes no argument: leave out `y`"));
    assert!(output.contains("`2` is one word too many"));
}
