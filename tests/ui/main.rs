//! The compiler as guard: what is held wrong does not compile, and says what to write instead.

#[test]
fn what_is_held_wrong_does_not_compile() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}

/// The recipe for users' own cases is one of ours, word for word.
#[test]
fn the_recipe_in_the_docs_is_a_case_that_runs() {
    const DOCS: &str = include_str!("../../heir-runtime/src/compile_fail.rs");
    const CASE: &str = include_str!("recipe/a-message-that-borrows.rs");
    const SAID: &str = include_str!("recipe/a-message-that-borrows.stderr");
    let docs =
        DOCS.lines().map(|line| line.trim_start_matches("//!").strip_prefix("    ").unwrap_or_default());
    let docs = docs.collect::<Vec<_>>().join("\n");
    for (what, part) in [("case", CASE), ("text", &SAID.replace("ui/recipe/", "tests/ui/"))] {
        assert!(docs.contains(part.trim_end()), "the docs do not have the {what}:\n{part}");
    }
}
