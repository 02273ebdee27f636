//! A recipe for tests that a mistake does not compile, for libraries around heir.
//!
//! heir refuses mistakes when they are compiled. A library around it may want to test that mistakes
//! of *its* users are refused too, and with which error. [trybuild](https://docs.rs/trybuild) does
//! that: a case is a small program with one mistake, and a file beside it has the compiler's
//! output.
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
//!    fn mistakes_do_not_compile() {
//!        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
//!    }
//!    ```
//! 3. A minimal file for each mistake, `tests/ui/a-message-that-borrows.rs`:
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
//! 4. `TRYBUILD=overwrite cargo test --test ui` writes the compiler's output beside it,
//!    `tests/ui/a-message-that-borrows.stderr`. Read it before you commit it: it has exactly the
//!    errors of the mistake, on the token to edit, and no other.
//!    ```text
//!    error: a message outlives the caller's borrow, because it waits in the mailbox: take an owned type
//!      --> tests/ui/a-message-that-borrows.rs:11:30
//!       |
//!    11 |     fn count(&mut self, key: &str) -> u64 {
//!       |                              ^
//!    ```
//!
//! # Which words are stable
//! trybuild compares the whole output. Its words come from two places:
//!
//! - *heir*: an `error:` without a code (`a message outlives ..`), and the first lines, labels and
//!   `= note:`s of an `E0277` (``` `Rc<u64>` cannot be sent to or from a worker ```). heir's own
//!   tests hold these words and their tokens, one file for each. Only a minor release changes them,
//!   and says so in its changelog.
//! - *rustc*: codes, `help:`, `note: required by ..`, the list of implementations, how lines are
//!   drawn. Any release of Rust may change them, and any patch of heir may change lines about
//!   `__private` items.
//!
//! So pin the toolchain of the cases, in CI and at home, and let the other tests run on any. Either
//! with a `rust-toolchain.toml`, or by running the cases only with one toolchain:
//! ```sh
//! cargo +1.95.0 test --test ui
//! ```
//! and in the manifest a `[[test]]` of the name `ui` with `test = false`, so that a plain
//! `cargo test` leaves it out.
//!
//! # Without the compiler's words
//! If it only matters *that* something does not compile, a doc test of the kind `compile_fail` is
//! enough, and works with any toolchain. It has one trap: it passes with any error. So show the
//! same program without the mistake next to it. With a code, as in `compile_fail,E0277`, nightly
//! also checks which error it is.
