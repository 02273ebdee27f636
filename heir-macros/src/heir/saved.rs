//! The saved tables as one value, of a type that only the `Worker` implementation names.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Index, Visibility};

use super::model::{Field, Worker};
use crate::tokens::{generated, is_plain, phantom};

/// The `rollback` tables before a message: `()`, a tuple, or a struct. The struct is public in the
/// generated `const`, so that private types in it do not leak through an associated type.
pub(super) struct Saved<'w, 'a> {
    worker: &'w Worker<'a>,
    fields: Vec<&'w Field<'a>>,
}

impl<'w, 'a> Saved<'w, 'a> {
    pub(super) fn of(worker: &'w Worker<'a>) -> Self {
        Self { worker, fields: worker.rollbacks().collect() }
    }

    /// Whether no field's type can be less visible than the worker.
    fn is_tuple(&self) -> bool {
        let is_private = matches!(self.worker.vis, Visibility::Inherited);
        is_private || self.fields.iter().all(|field| is_plain(&field.ty))
    }

    fn is_struct(&self) -> bool {
        !self.fields.is_empty() && !self.is_tuple()
    }

    /// `()`, `(Vec<u64>,)` or `__Saved<K>`
    pub(super) fn ty(&self) -> TokenStream {
        if self.is_struct() {
            let (_, type_generics, _) = self.worker.generics.split_for_impl();
            return quote!(__Saved #type_generics);
        }
        let types = self.fields.iter().map(|field| &field.ty);
        quote!((#(#types,)*))
    }

    /// `()`, `(queue,)` or `__Saved { queue: queue }`
    pub(super) fn value(&self, values: impl Iterator<Item = TokenStream>) -> TokenStream {
        if self.is_struct() {
            let unused = self.unused().map(|_| quote!(__unused: ::core::marker::PhantomData));
            let idents = self.fields.iter().map(|field| field.ident);
            return quote!(__Saved { #(#idents: #values,)* #unused });
        }
        quote!((#(#values,)*))
    }

    /// The fields, each with its name or its index in the value.
    pub(super) fn members(&self) -> impl Iterator<Item = (&Ident, syn::Member)> {
        let is_struct = self.is_struct();
        self.fields.iter().enumerate().map(move |(place, field)| {
            let member = if is_struct { field.ident.clone().into() } else { Index::from(place).into() };
            (field.ident, member)
        })
    }

    /// ```text
    /// pub struct __Saved<K: Key> where K: Ord { queue: Vec<K> }
    /// ```
    /// Nothing, unless the value is a struct.
    pub(super) fn item(&self) -> Option<TokenStream> {
        let (impl_generics, _, _) = self.worker.generics.split_for_impl();
        let where_clause = &self.worker.generics.where_clause;
        let idents = self.fields.iter().map(|field| generated(field.ident, field.ident.span()));
        let types = self.fields.iter().map(|field| &field.ty);
        let unused = self.unused().map(|ty| quote!(__unused: #ty,));
        self.is_struct()
            .then(|| quote!(pub struct __Saved #impl_generics #where_clause { #(#idents: #types,)* #unused }))
    }

    fn unused(&self) -> Option<TokenStream> {
        let used: TokenStream = self.fields.iter().map(|field| field.ty.clone()).collect();
        phantom(&self.worker.generics, &used)
    }
}
