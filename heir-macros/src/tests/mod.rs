//! Snapshots of expansions, for a few telling shapes, and tests of the macros' messages. The
//! snapshots are in the workspace's `tests/expand/`.

mod budget;
mod docs;
mod expansion;
mod mistakes;

use proc_macro2::TokenStream;

/// Expands an item with `#[heir]` as rustc does: first the attribute, then the derive that it
/// attached. The runtime has a store.
fn expand_heir(options: &TokenStream, item: TokenStream) -> TokenStream {
    crate::heir::derive_with(attached(options, item), true)
}

/// What the attribute `#[heir]` hands to its derive.
fn attached(options: &TokenStream, item: TokenStream) -> TokenStream {
    without_derive(crate::heir::attach(options, item))
}

/// Expands an item with `#[supervisor]` in the same way.
fn expand_supervisor(options: &TokenStream, item: TokenStream) -> TokenStream {
    crate::supervisor::derive(without_derive(crate::supervisor::attach(options, item)))
}

/// The derive's input: the item without the `#[derive]` itself.
fn without_derive(attached: TokenStream) -> TokenStream {
    let mut input: syn::DeriveInput = syn::parse2(attached).expect("the attribute emits one struct");
    input.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
    quote::quote!(#input)
}

/// Formats generated code, to be read.
fn pretty(tokens: &TokenStream) -> String {
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("what was generated is no Rust: {error}\n{tokens}"),
    }
}
