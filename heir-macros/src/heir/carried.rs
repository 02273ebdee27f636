//! What only the `Worker` implementation names: the bundles of the arguments, of the saved tables and of the readers.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::WhereClause;

use super::model::{Field, Worker};
use super::recorded::reader_type;
use super::rules;
use crate::tokens::{generated, phantom};

/// The structs are public in the `const`, which keeps private field types
/// from leaking through the associated types.
pub(super) fn carried_items(worker: &Worker<'_>) -> TokenStream {
    let plain = |field: &Field<'_>| field.ty.clone();
    let written = worker.generics.where_clause.as_ref();
    let args = carried(worker, "__Args", &worker.args().collect::<Vec<_>>(), plain, written);
    let args_clone = args_clone(worker);
    let saved = carried(worker, "__Saved", &worker.rollbacks().collect::<Vec<_>>(), plain, written);
    let reader = |field: &Field<'_>| reader_type(worker, field);
    let recorded: Vec<_> = worker.recorded().collect();
    let readers =
        carried(worker, "__Readers", &recorded, reader, rules::granted(worker, worker.recorded()).as_ref());
    let readers_clone = readers_clone(worker);
    quote!(#args #args_clone #saved #readers #readers_clone)
}

/// ```text
/// pub struct __Args<K: Key> where K: Ord { limits: Limits }
/// ```
/// Nothing when there is no such field: then `()` stands for it.
fn carried(
    worker: &Worker<'_>,
    name: &str,
    fields: &[&Field<'_>],
    type_of: impl Fn(&Field<'_>) -> TokenStream,
    where_clause: Option<&WhereClause>,
) -> TokenStream {
    if fields.is_empty() {
        return TokenStream::new();
    }
    let (impl_generics, _, _) = worker.generics.split_for_impl();
    let name = format_ident!("{name}");
    let idents = fields.iter().map(|field| generated(field.ident, field.ident.span()));
    let used: TokenStream = fields.iter().map(|field| field.ty.clone()).collect();
    let types = fields.iter().map(|field| type_of(field));
    let unused = phantom(&worker.generics, &used).map(|ty| quote!(__unused: #ty,));
    quote!(pub struct #name #impl_generics #where_clause { #(#idents: #types,)* #unused })
}

/// `__Args<K>`, or `()` when there is no such field.
pub(super) fn carried_type(worker: &Worker<'_>, name: &str, any: bool) -> TokenStream {
    let (_, type_generics, _) = worker.generics.split_for_impl();
    let name = format_ident!("{name}");
    if any { quote!(#name #type_generics) } else { quote!(()) }
}

/// `__Args { limits }`, or `()` when there is no such field. `values` are the fields' initialisers.
pub(super) fn carried_value(
    worker: &Worker<'_>,
    name: &str,
    fields: &[&Ident],
    values: &TokenStream,
) -> TokenStream {
    if fields.is_empty() {
        return quote!(());
    }
    let used: TokenStream = worker
        .fields
        .iter()
        .filter(|field| fields.contains(&field.ident))
        .map(|field| field.ty.clone())
        .collect();
    let unused = phantom(&worker.generics, &used).map(|_| quote!(, __unused: ::core::marker::PhantomData));
    let name = format_ident!("{name}");
    quote!(#name { #values #unused })
}

/// Written by hand, because `derive` would ask for `K: Clone`.
///
/// ```text
/// impl<K: Key> ::core::clone::Clone for __Args<K> where K: Ord {
///     fn clone(&self) -> Self {
///         __Args { limits: <Limits as ::core::clone::Clone>::clone(&self.limits) }
///     }
/// }
/// ```
fn args_clone(worker: &Worker<'_>) -> TokenStream {
    let args: Vec<_> = worker.args().map(|field| field.ident).collect();
    if args.is_empty() {
        return TokenStream::new();
    }
    let (impl_generics, type_generics, _) = worker.generics.split_for_impl();
    let where_clause = rules::granted(worker, worker.args());
    let types = worker.args().map(|field| &field.ty);
    let values = quote!(#(#args: <#types as ::core::clone::Clone>::clone(&self.#args)),*);
    let value = carried_value(worker, "__Args", &args, &values);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for __Args #type_generics #where_clause {
            fn clone(&self) -> Self {
                #value
            }
        }
    }
}

/// As [`args_clone`].
fn readers_clone(worker: &Worker<'_>) -> TokenStream {
    let fields: Vec<_> = worker.recorded().map(|field| field.ident).collect();
    if fields.is_empty() {
        return TokenStream::new();
    }
    let (impl_generics, type_generics, _) = worker.generics.split_for_impl();
    let where_clause = rules::granted(worker, worker.recorded());
    let values = quote!(#(#fields: ::core::clone::Clone::clone(&self.#fields)),*);
    let value = carried_value(worker, "__Readers", &fields, &values);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for __Readers #type_generics #where_clause {
            fn clone(&self) -> Self {
                #value
            }
        }
    }
}
