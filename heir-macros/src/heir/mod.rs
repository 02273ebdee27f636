//! `#[heir]`: the attribute re-emits the struct and attaches the internal derive, which does the work.

mod attribute;
mod bodies;
mod carried;
mod check;
mod expand;
mod fallback;
mod handle;
mod model;
mod parse;
mod recorded;
mod rules;
mod tables;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::diagnostics::Errors;

pub(crate) use attribute::attach;

/// The internal derive: parse → model → check → expand, or the errors with stubs of what is public.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::new();
    let worker = parse::worker(&input, &mut errors);
    if let Some(worker) = &worker {
        check::worker(worker, &mut errors);
    }
    match (errors.finish(), worker) {
        (None, Some(worker)) => expand::worker(&worker),
        (errors, worker) => {
            let stubs = worker.as_ref().map(fallback::stubs);
            quote::quote!(#errors #stubs)
        }
    }
}
