//! The types that belong to a recorded table.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;

use super::model::{Field, Worker};
use super::rules::checked_field;
use crate::tokens::path_at;

/// `<Table<K, u64> as R::table::Recorded>`, at the span of the table's type.
pub(super) fn recorded(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let (root, ty) = (&worker.root, checked_field(worker, field));
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    let root = path_at(root, span);
    quote_spanned!(span=> <#ty as #root::table::Recorded>)
}

/// `<Table<K, u64> as R::table::Recorded>::Reader`
pub(super) fn reader_type(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let recorded = recorded(worker, field);
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    quote_spanned!(span=> #recorded::Reader)
}
