//! What a worker with `survives = process` implements besides.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{Field, Worker};
use super::rules::checked_field;
use crate::tokens::path_at;
use crate::type_text::type_text;

/// ```text
/// const IS_STORED: ::core::primitive::bool = true;
/// fn stored() -> ::std::vec::Vec<R::store::StoredTable> {
///     ::core::convert::From::from([R::store::stored::<Table<K, u64>>(0, "hits", "Table<K, u64>")])
/// }
/// ```
/// Nothing for all other workers: by the trait's defaults nothing is stored.
pub(super) fn stored_tables(worker: &Worker<'_>) -> Option<TokenStream> {
    let root = &worker.root;
    let mut stored = worker.stored().map(|(place, field)| stored(worker, place, field)).peekable();
    stored.peek()?;
    Some(quote! {
        const IS_STORED: ::core::primitive::bool = true;
        fn stored() -> ::std::vec::Vec<#root::store::StoredTable> {
            ::core::convert::From::from([#(#stored),*])
        }
    })
}

/// One table, at the span of its type: if its rows cannot be stored, the error is there.
fn stored(worker: &Worker<'_>, place: usize, field: &Field<'_>) -> TokenStream {
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    let (root, ty) = (path_at(&worker.root, span), checked_field(worker, field));
    let (place, name) = (Literal::usize_unsuffixed(place), field.ident.unraw().to_string());
    let text = type_text(&field.ty);
    quote_spanned!(span=> #root::store::stored::<#ty>(#place, #name, #text))
}
