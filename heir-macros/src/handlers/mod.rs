//! `#[handlers]`: an impl block whose methods become messages.

mod block;
mod check;
mod every;
mod expand;
mod fallback;
mod hooks;
mod markers;
mod model;
mod names;
mod owned;
mod rules;
mod shapes;
mod signature;
mod vocabulary;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use crate::diagnostics::Errors;
use crate::editions::with_raw_names;
use crate::fragments::kept_together;
use crate::options::{self, Slot};
use crate::tokens::default_root;

/// Parse → model → check → expand. The block is always re-emitted. A handler with mistakes costs
/// only itself: its callers get a stub, so that they see no errors but those of the handler.
pub(crate) fn attach(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let root = read_root(options, &mut errors);
    let item = kept_together(item);
    let generated = block::parse(with_raw_names(item.clone()), &mut errors)
        .and_then(|block| check::block(root, &block, &mut errors))
        .map(|handlers| (expand::handlers(&handlers), fallback::stubs(&handlers)));
    let (generated, stubs) = generated.unzip();
    let stubs = stubs.flatten();
    let errors = errors.finish();
    let block = markers::strip(item);
    quote!(#block #errors #generated #stubs)
}

fn read_root(tokens: TokenStream, errors: &mut Errors) -> Path {
    let mut root = Slot::default();
    options::read_list(tokens, "handlers", options::HANDLERS, errors, |key, input, errors| {
        root.fill(key, options::root_path(input, key)?, errors);
        Ok(())
    });
    root.into_value().unwrap_or_else(default_root)
}
