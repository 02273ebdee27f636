//! The example as its users run it, and as the README of the examples shows it.

use std::process::Command;

const README: &str = include_str!("../README.md");

/// What the README has between a line that begins like this and the end of the block.
fn block(begin: &str) -> &'static str {
    let (_, rest) = README.split_once(begin).expect("the README has it");
    rest.split_once("\n```").expect("and ends it").0
}

#[test]
fn the_readme_declares_the_tree_as_the_example_does() {
    assert!(include_str!("../tree/main.rs").contains(block("```rs\n")));
}

#[test]
fn the_readme_shows_the_tree_that_the_example_draws() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "tree", "--manifest-path", manifest])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    // After the kills: the last tree it draws.
    assert!(printed.contains(block("```text\nApp (")), "{printed}");
    assert!(printed.contains("in basket 2: 3\n") && printed.contains("apples sold: 3\n"), "{printed}");
}
