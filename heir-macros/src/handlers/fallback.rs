//! Stubs beside the errors: methods of the handle for the handlers that have mistakes, so that
//! their callers cause no more errors.

use proc_macro2::{Span, TokenStream};
use quote::quote;

use super::model::{Handlers, Mistaken};
use super::names::try_name;
use crate::tokens::generated;

/// The stubs; nothing if there was no mistake.
///
/// ```text
/// impl CounterHandle {
///     pub async fn count(&self, _: impl ::core::marker::Sized)
///         -> ::core::result::Result<u64, R::CallError<()>>
///     {
///         ::core::unreachable!()
///     }
///     pub async fn try_count(..) -> .. { .. }
/// }
/// ```
pub(super) fn stubs(handlers: &Handlers) -> Option<TokenStream> {
    let Handlers { root, generics, handle, mistaken, .. } = handlers;
    if mistaken.is_empty() {
        return None;
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let methods = mistaken.iter().flat_map(|Mistaken { cfgs, vis, ident, values, reply }| {
        [generated(ident, Span::call_site()), try_name(ident)].map(|name| {
            let args = std::iter::repeat_n(quote!(_: impl ::core::marker::Sized), *values);
            quote! {
                #(#cfgs)*
                #vis async fn #name(&self #(, #args)*) -> ::core::result::Result<#reply, #root::CallError<()>> {
                    ::core::unreachable!()
                }
            }
        })
    });
    Some(quote!(impl #impl_generics #handle #where_clause { #(#methods)* }))
}
