//! What a worker with `survives = process` implements besides.

use proc_macro2::{Ident, Literal, Span, TokenStream};
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
///     ::core::convert::From::from([
///         R::store::stored::<Table<K, u64>>(0, "hits", "Table<K, u64>"),
///         R::store::stored_value::<u64>("total", "u64"), // a `rollback` field
///     ])
/// }
/// fn values(tables: &mut Self::Tables) -> ::std::vec::Vec<R::store::Value<'_>> { // with `rollback` fields
///     ::core::convert::From::from([R::store::value::<u64>("total", &mut tables.total)])
/// }
/// ```
/// Nothing for all other workers: by the trait's defaults nothing is stored.
pub(super) fn stored_tables(worker: &Worker<'_>) -> Option<TokenStream> {
    let root = &worker.root;
    let tables = worker.stored().map(|(place, field)| stored(worker, place, field));
    let values = worker.values().map(|field| stored_value(worker, field));
    let mut stored = tables.chain(values).peekable();
    stored.peek()?;
    let values = worker.values().next().map(|_| {
        let tables = Ident::new("tables", Span::mixed_site());
        let values = values_of(worker, &quote!(#tables));
        quote! {
            fn values(#tables: &mut Self::Tables) -> ::std::vec::Vec<#root::store::Value<'_>> {
                ::core::convert::From::from(#values)
            }
        }
    });
    Some(quote! {
        const IS_STORED: ::core::primitive::bool = true;
        fn stored() -> ::std::vec::Vec<#root::store::StoredTable> {
            ::core::convert::From::from([#(#stored),*])
        }
        #values
    })
}

/// `[R::store::value::<u64>("total", &mut self.total)]`
pub(super) fn values_of(worker: &Worker<'_>, of: &TokenStream) -> TokenStream {
    let values = worker.values().map(|field| {
        let (root, ty) = at_type(worker, field);
        let (ident, name) = (field.ident, field.ident.unraw().to_string());
        quote!(#root::store::value::<#ty>(#name, &mut #of.#ident))
    });
    quote!([#(#values),*])
}

/// The value that a store has of a `rollback` field, else its first one.
///
/// ```text
/// match R::store::loaded::<u64>(&readers, "total") {
///     ::core::option::Option::Some(loaded) => loaded,
///     ::core::option::Option::None => 0,
/// }
/// ```
pub(super) fn loaded_or(
    worker: &Worker<'_>,
    field: &Field<'_>,
    readers: &Ident,
    first: &TokenStream,
) -> TokenStream {
    let (root, ty) = at_type(worker, field);
    let (name, loaded) = (field.ident.unraw().to_string(), Ident::new("loaded", Span::mixed_site()));
    quote! {
        match #root::store::loaded::<#ty>(&#readers, #name) {
            ::core::option::Option::Some(#loaded) => #loaded,
            ::core::option::Option::None => #first,
        }
    }
}

/// One value, at the span of its type: if it cannot be stored, the error is there.
fn stored_value(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    let (root, ty) = at_type(worker, field);
    let (name, text) = (field.ident.unraw().to_string(), type_text(&field.ty));
    quote_spanned!(span=> #root::store::stored_value::<#ty>(#name, #text))
}

/// The runtime's root, at the span of a field's type, and the type.
fn at_type(worker: &Worker<'_>, field: &Field<'_>) -> (TokenStream, TokenStream) {
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    let root = path_at(&worker.root, span);
    (quote!(#root), checked_field(worker, field))
}

/// Only for a worker with stored tables.
pub(super) fn is_kept(worker: &Worker<'_>) -> Option<TokenStream> {
    worker.stored().next().is_some().then(|| kept(worker))
}

/// ```text
/// impl<K: Key> R::__private::KeptByAStore for Counter<K> where K: Ord {}
/// ```
pub(super) fn kept(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, ident, generics, .. } = worker;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote!(impl #impl_generics #root::__private::KeptByAStore for #ident #type_generics #where_clause {})
}

/// One table, at the span of its type: if its rows cannot be stored, the error is there.
fn stored(worker: &Worker<'_>, place: usize, field: &Field<'_>) -> TokenStream {
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    let (root, ty) = (path_at(&worker.root, span), checked_field(worker, field));
    let (place, name) = (Literal::usize_unsuffixed(place), field.ident.unraw().to_string());
    let text = type_text(&field.ty);
    quote_spanned!(span=> #root::store::stored::<#ty>(#place, #name, #text))
}
