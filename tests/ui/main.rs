//! The compiler as guard: what is held wrong does not compile, and says what to write instead.

#[test]
fn what_is_held_wrong_does_not_compile() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}
