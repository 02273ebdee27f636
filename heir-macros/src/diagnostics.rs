//! Errors about the user's code. They are collected, so that all mistakes in an item are reported
//! at once.
//!
//! The style of a message: lower case, no full stop, the user's tokens in backticks. First comes
//! the problem, then the reason, then what to write.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The errors about one annotated item. A collector must be ended by [`Errors::finish`]: in debug
/// builds, a collector that is dropped before panics, so that no error is lost.
#[derive(Debug)]
pub(crate) struct Errors {
    collected: Vec<syn::Error>,
    checked: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { collected: Vec::new(), checked: false }
    }

    /// Reports an error at one token.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Reports an error that spans all of `tokens`.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports a conflict: one error at each of the two places.
    pub(crate) fn conflict(
        &mut self,
        first: Span,
        first_message: impl Display,
        second: Span,
        message: impl Display,
    ) {
        self.at(second, message);
        self.at(first, first_message);
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.collected.push(error);
    }

    /// The number of errors so far.
    pub(crate) fn len(&self) -> usize {
        self.collected.len()
    }

    /// Ends the collection; returns the `compile_error!`s, or `None` if there are no errors.
    pub(crate) fn finish(mut self) -> Option<TokenStream> {
        self.checked = true;
        let mut all = std::mem::take(&mut self.collected).into_iter();
        let mut combined = all.next()?;
        combined.extend(all);
        Some(reported(combined))
    }

    /// Drops the errors of a first pass, which a later pass reports again.
    pub(crate) fn discard(mut self) {
        self.checked = true;
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        debug_assert!(
            self.checked || std::thread::panicking(),
            "an error collector was dropped without a look at what it holds"
        );
    }
}

/// The `compile_error!`s of an error, by a path from `::std`, which holds in every edition. syn
/// writes `::core`, which a crate of edition 2015 would look up in itself, and the message would be
/// lost.
pub(crate) fn reported(error: syn::Error) -> TokenStream {
    let renamed = |token| match token {
        TokenTree::Ident(name) if name == "core" => TokenTree::Ident(Ident::new("std", name.span())),
        other => other,
    };
    error.into_compile_error().into_iter().map(renamed).collect()
}

/// The end of a message about an unknown word: the known word that is probably meant, or else all
/// known words.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (distance(word, candidate), candidate))
        // Two edits turn a short word into almost any other.
        .filter(|(distance, candidate)| *distance <= if candidate.len() > 4 { 2 } else { 1 })
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None => format!("write {}", alternatives(known)),
    }
}

/// `` `a`, `b` or `c` ``
pub(crate) fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::from("nothing here"),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// How many edits turn `from` into `to`: a character inserted, deleted or replaced, or two
/// neighbours swapped.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_close_to_a_known_one_is_corrected() {
        assert_eq!(suggestion("restrat", &["restart", "shutdown"]), "did you mean `restart`?");
        assert_eq!(suggestion("mailbx", &["mailbox"]), "did you mean `mailbox`?");
    }

    #[test]
    fn a_word_close_to_nothing_gets_the_list() {
        assert_eq!(suggestion("colour", &["keep", "rollback", "init"]), "write `keep`, `rollback` or `init`");
        assert_eq!(suggestion("drop", &["stop"]), "write `stop`");
    }

    #[test]
    fn the_distance_counts_edits_and_swaps() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("restart", "restart"), 0);
        assert_eq!(distance("restrat", "restart"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn all_errors_are_reported_together() {
        let mut errors = Errors::new();
        errors.at(Span::call_site(), "first");
        errors.at(Span::call_site(), "second");
        let reported = errors.finish().expect("two errors").to_string();
        assert!(reported.contains("first") && reported.contains("second"), "{reported}");
    }

    #[test]
    fn an_error_is_reported_by_a_path_that_every_edition_has() {
        let mut errors = Errors::new();
        errors.at(Span::call_site(), "words");
        let reported = errors.finish().expect("an error").to_string();
        assert!(reported.starts_with(":: std :: compile_error !"), "{reported}");
    }

    #[test]
    fn no_error_is_no_tokens() {
        assert!(Errors::new().finish().is_none());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "dropped without a look")]
    fn a_collector_dropped_unchecked_panics() {
        let _errors = Errors::new();
    }
}
