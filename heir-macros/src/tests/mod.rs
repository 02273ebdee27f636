//! Snapshots of what the macros write, for a few telling shapes, and checks on what they say. The snapshots are in
//! `tests/expand/` of the workspace.

mod budget;
mod docs;
mod expansion;
mod mistakes;

use proc_macro2::TokenStream;

/// Expands an item with `#[heir]` as rustc does: the attribute first, then the derive it attached.
fn expand_heir(options: &TokenStream, item: TokenStream) -> TokenStream {
    crate::heir::derive(without_derive(crate::heir::attach(options, item)))
}

/// The same with `#[supervisor]`.
fn expand_supervisor(options: &TokenStream, item: TokenStream) -> TokenStream {
    crate::supervisor::derive(without_derive(crate::supervisor::attach(options, item)))
}

/// What the derive gets.
fn without_derive(attached: TokenStream) -> TokenStream {
    let mut input: syn::DeriveInput = syn::parse2(attached).expect("the attribute emits one struct");
    input.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
    quote::quote!(#input)
}

/// Formats generated code for reading.
fn pretty(tokens: &TokenStream) -> String {
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("what was generated is no Rust: {error}\n{tokens}"),
    }
}
