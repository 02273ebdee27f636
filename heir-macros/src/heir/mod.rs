//! `#[heir]`: the attribute re-emits the struct, and attaches the internal derive, which does the
//! work.

mod args;
mod bodies;
mod check;
mod expand;
mod fallback;
mod handle;
mod model;
mod parse;
mod recorded;
mod rules;
mod saved;
mod stored;
mod survives;
mod tables;

use proc_macro2::TokenStream;
use syn::{DeriveInput, Path};

use self::model::Options;
use crate::attached;
use crate::diagnostics::{Errors, reported};
use crate::editions::with_raw_names;
use crate::fragments::kept_together;
use crate::tokens::default_root;

/// Expands the attribute.
pub(crate) fn attach(options: &TokenStream, item: TokenStream) -> TokenStream {
    attached::HEIR.attach(&root_of(options), options, kept_together(item))
}

/// The `crate = path` among the options. The derive reads the other options, and reports errors.
fn root_of(options: &TokenStream) -> Path {
    let mut errors = Errors::new();
    let options = Options::parse(options.clone(), &mut errors);
    errors.discard();
    options.root.into_value().unwrap_or_else(default_root)
}

/// Expands the internal derive.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    derive_with(input, cfg!(feature = "store"))
}

/// Parse → model → check → expand, or errors with stubs of the public items. `has_store`: whether the
/// runtime has a store.
pub(crate) fn derive_with(input: TokenStream, has_store: bool) -> TokenStream {
    let input: DeriveInput = match syn::parse2(with_raw_names(input)) {
        Ok(input) => input,
        Err(error) => return reported(error),
    };
    let mut errors = Errors::new();
    let worker = parse::worker(&input, &mut errors);
    if let Some(worker) = &worker {
        check::worker(worker, has_store, &mut errors);
    }
    match (errors.finish(), worker) {
        (None, Some(worker)) => expand::worker(&worker),
        (errors, worker) => {
            let stubs = worker.as_ref().map(fallback::stubs);
            quote::quote!(#errors #stubs)
        }
    }
}
