//! The word `survives`: what a worker's tables outlive.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::ParseStream;

use crate::options;

/// What tables outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survives {
    /// The worker's task.
    Task,
    /// The process, in the store of the worker's tree.
    Process,
}

/// What is said of tables, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) survives: Survives,
    pub(super) at: Span,
}

impl Said {
    /// Reads the word. `instead` is what to write for one that does not exist yet.
    pub(super) fn parse(input: ParseStream<'_>, key: &Ident, instead: &str) -> syn::Result<Self> {
        let at = input.span();
        if input.fork().call(Ident::parse_any).is_ok_and(|word| word == "machine") {
            let problem = format_args!("`{key} = machine` does not exist yet: write {instead}");
            return Err(syn::Error::new(input.call(Ident::parse_any)?.span(), problem));
        }
        let survives =
            options::word(input, key, &[("task", Survives::Task), ("process", Survives::Process)])?;
        Ok(Self { survives, at })
    }
}
