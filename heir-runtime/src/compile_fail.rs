//! A recipe for tests of what must not compile, for crates whose own users hold heir.
//!
//! What heir refuses it refuses when it is compiled, so a library around it may want to test that a mistake of *its* users is refused too,
//! and in which words. [trybuild](https://docs.rs/trybuild) does that: a case is a small program with one mistake, and beside it stands
//! what the compiler says about it.
//!
//! # The recipe
//! 1. In the crate's `Cargo.toml`:
//!    ```toml
//!    [dev-dependencies]
//!    trybuild = "1"
//!    ```
//! 2. One test for all cases, `tests/ui.rs`:
//!    ```text
//!    #[test]
//!    fn what_is_held_wrong_does_not_compile() {
//!        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
//!    }
//!    ```
//! 3. A file for each mistake, with nothing in it that the mistake does not need, `tests/ui/a-message-that-borrows.rs`:
//!    ```compile_fail
//!    use heir_runtime::{handlers, heir};
//!
//!    #[heir]
//!    struct Counter {
//!        #[table(keep)]
//!        count: u64,
//!    }
//!
//!    #[handlers]
//!    impl Counter {
//!        fn count(&mut self, key: &str) -> u64 {
//!            self.count + key.len() as u64
//!        }
//!    }
//!
//!    fn main() {}
//!    ```
//! 4. `TRYBUILD=overwrite cargo test --test ui` writes what the compiler says beside it, `tests/ui/a-message-that-borrows.stderr`. Read it
//!    before it is committed: exactly the errors of the mistake, on the token to edit, and no other.
//!    ```text
//!    error: a message outlives the caller's borrow, because it waits in the mailbox: take an owned type
//!      --> tests/ui/a-message-that-borrows.rs:11:30
//!       |
//!    11 |     fn count(&mut self, key: &str) -> u64 {
//!       |                              ^
//!    ```
//!
//! # What stays as it is
//! trybuild compares the whole text. What is in it comes from two places:
//!
//! - *heir's own words*, in an `error:` without a code (`a message outlives ..`) and in the first lines, labels and `= note:`s of an
//!   `E0277` (``` `Rc<u64>` cannot be sent to or from a worker ```). They and the token they stand at are part of heir's tests, one file for each;
//!   a release that changes one says so in its changelog, and only a minor release does.
//! - *rustc's*: codes, `help:`, `note: required by ..`, the list of implementations, how lines are drawn. Any release of Rust may
//!   change them, and any patch of heir what they say of `__private` items.
//!
//! So pin the toolchain the cases run on, in CI and at home, and let the other tests run on any. Either by a `rust-toolchain.toml`, or
//! by running the cases only where they are meant to hold:
//! ```sh
//! cargo +1.95.0 test --test ui
//! ```
//! and in the manifest a `[[test]]` of the name `ui` with `test = false`, so that a plain `cargo test` leaves it out.
//!
//! # Without a text
//! Where it only matters *that* something does not compile, a doc test of the kind `compile_fail` is enough, and holds with any
//! toolchain. It has one trap: it passes whatever the mistake is, so show next to it the same program without the mistake. With a code, as in
//! `compile_fail,E0277`, nightly also checks which error it is.
