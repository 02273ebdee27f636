//! `#[supervisor]`: the attribute re-emits the struct, and attaches the internal derive, which does
//! the work.

mod args;
mod check;
mod expand;
mod fallback;
mod handle;
mod model;
mod parse;
mod rules;

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
    attached::SUPERVISOR.attach(&root_of(options), options, kept_together(item))
}

/// The `crate = path` among the options. The derive reads the other options, and reports errors.
fn root_of(options: &TokenStream) -> Path {
    let mut errors = Errors::new();
    let options = Options::parse(options.clone(), &mut errors);
    errors.discard();
    options.root.into_value().unwrap_or_else(default_root)
}

/// Expands the internal derive: parse → model → check → expand, or errors with stubs of the public
/// items.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(with_raw_names(input)) {
        Ok(input) => input,
        Err(error) => return reported(error),
    };
    let mut errors = Errors::new();
    let tree = parse::tree(&input, &mut errors);
    if let Some(tree) = &tree {
        check::tree(tree, &mut errors);
    }
    match (errors.finish(), tree) {
        (None, Some(tree)) => expand::tree(&tree),
        (errors, tree) => {
            let stubs = tree.map(fallback::stubs);
            quote::quote!(#errors #stubs)
        }
    }
}
