//! The types that only the `Worker` implementation names: all arguments as one value, and all saved
//! tables as one.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Index, Visibility};

use super::model::{Field, Worker};
use super::rules;
use crate::tokens::{generated, is_plain, phantom};

/// Some fields that travel as one value: `()`, a tuple, or a struct. The struct is public in the
/// generated `const`, so that private types in it do not leak through an associated type.
pub(super) struct Carried<'w, 'a> {
    worker: &'w Worker<'a>,
    name: &'static str,
    fields: Vec<&'w Field<'a>>,
}

impl<'w, 'a> Carried<'w, 'a> {
    pub(super) fn args(worker: &'w Worker<'a>) -> Self {
        Self { worker, name: "__Args", fields: worker.args().collect() }
    }

    pub(super) fn saved(worker: &'w Worker<'a>) -> Self {
        Self { worker, name: "__Saved", fields: worker.rollbacks().collect() }
    }

    /// Whether no field's type can be less visible than the worker.
    fn is_tuple(&self) -> bool {
        let is_private = matches!(self.worker.vis, Visibility::Inherited);
        is_private || self.fields.iter().all(|field| is_plain(&field.ty))
    }

    fn is_struct(&self) -> bool {
        !self.fields.is_empty() && !self.is_tuple()
    }

    /// `()`, `(Limits,)` or `__Args<K>`
    pub(super) fn ty(&self) -> TokenStream {
        if self.is_struct() {
            let (_, type_generics, _) = self.worker.generics.split_for_impl();
            let name = format_ident!("{}", self.name);
            return quote!(#name #type_generics);
        }
        let types = self.fields.iter().map(|field| &field.ty);
        quote!((#(#types,)*))
    }

    /// `()`, `(limits,)` or `__Args { limits: limits }`
    pub(super) fn value(&self, values: impl Iterator<Item = TokenStream>) -> TokenStream {
        if self.is_struct() {
            let (name, unused) = (format_ident!("{}", self.name), self.unused());
            let unused = unused.map(|_| quote!(__unused: ::core::marker::PhantomData));
            let idents = self.fields.iter().map(|field| field.ident);
            return quote!(#name { #(#idents: #values,)* #unused });
        }
        quote!((#(#values,)*))
    }

    /// `let (limits,) = args;` or `let __Args { limits, .. } = args;`
    pub(super) fn unpacked(&self, from: &Ident) -> Option<TokenStream> {
        let idents = self.fields.iter().map(|field| field.ident);
        if self.is_struct() {
            let name = format_ident!("{}", self.name);
            return Some(quote!(let #name { #(#idents,)* .. } = #from;));
        }
        (!self.fields.is_empty()).then(|| quote!(let (#(#idents,)*) = #from;))
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
    /// pub struct __Args<K: Key> where K: Ord { limits: Limits }
    /// ```
    /// Nothing, unless the value is a struct.
    pub(super) fn item(&self) -> Option<TokenStream> {
        let (impl_generics, _, _) = self.worker.generics.split_for_impl();
        let where_clause = &self.worker.generics.where_clause;
        let name = format_ident!("{}", self.name);
        let idents = self.fields.iter().map(|field| generated(field.ident, field.ident.span()));
        let types = self.fields.iter().map(|field| &field.ty);
        let unused = self.unused().map(|ty| quote!(__unused: #ty,));
        self.is_struct()
            .then(|| quote!(pub struct #name #impl_generics #where_clause { #(#idents: #types,)* #unused }))
    }

    /// Written by hand, because `derive` would add the bound `K: Clone`.
    ///
    /// ```text
    /// impl<K: Key> ::core::clone::Clone for __Args<K> where K: Ord {
    ///     fn clone(&self) -> Self {
    ///         __Args { limits: <Limits as ::core::clone::Clone>::clone(&self.limits) }
    ///     }
    /// }
    /// ```
    /// Nothing, unless the value is a struct.
    pub(super) fn clone_impl(&self) -> Option<TokenStream> {
        let (impl_generics, type_generics, _) = self.worker.generics.split_for_impl();
        let where_clause = rules::granted(self.worker, self.fields.iter().copied());
        let name = format_ident!("{}", self.name);
        let value = self.value(
            self.fields
                .iter()
                .map(|Field { ident, ty, .. }| quote!(<#ty as ::core::clone::Clone>::clone(&self.#ident))),
        );
        self.is_struct().then(|| {
            quote! {
                #[automatically_derived]
                impl #impl_generics ::core::clone::Clone for #name #type_generics #where_clause {
                    fn clone(&self) -> Self {
                        #value
                    }
                }
            }
        })
    }

    fn unused(&self) -> Option<TokenStream> {
        let used: TokenStream = self.fields.iter().map(|field| field.ty.clone()).collect();
        phantom(&self.worker.generics, &used)
    }
}

/// The structs to declare, with their `Clone`.
pub(super) fn carried_items(worker: &Worker<'_>) -> TokenStream {
    let (args, saved) = (Carried::args(worker), Carried::saved(worker));
    let (args, args_clone, saved) = (args.item(), args.clone_impl(), saved.item());
    quote!(#args #args_clone #saved)
}
