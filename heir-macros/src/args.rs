//! The arguments of a worker or of a tree as one value: `()`, or a public struct with a field for
//! each, so that a tree gives them by name.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Generics, Path};

use crate::tokens::{generated, generics_naming, phantom};

/// The struct of the arguments, or `()` if there are none.
pub(crate) struct Args {
    /// As in `CounterArgs`.
    name: Ident,
    /// The parameters of the worker or the tree that the fields name.
    pub(crate) generics: Generics,
    /// The names, and the types. Two of one name are one field: they have been reported.
    fields: Vec<(Ident, TokenStream)>,
}

impl Args {
    pub(crate) fn new<'f>(
        name: Ident,
        generics: &Generics,
        fields: impl Iterator<Item = (&'f Ident, &'f TokenStream)>,
    ) -> Self {
        let mut named = HashSet::new();
        let fields: Vec<_> = fields
            .filter(|(name, _)| named.insert(*name))
            .map(|(name, ty)| (generated(name, name.span()), ty.clone()))
            .collect();
        let used: TokenStream = fields.iter().map(|(_, ty)| ty.clone()).collect();
        Self { name, generics: generics_naming(generics, &used), fields }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// `()` or `CounterArgs<K>`
    pub(crate) fn ty(&self) -> TokenStream {
        if self.is_empty() {
            return quote!(());
        }
        let (name, (_, type_generics, _)) = (&self.name, self.generics.split_for_impl());
        quote!(#name #type_generics)
    }

    /// `()` or `CounterArgs { limits: limits }`
    pub(crate) fn value(&self, values: impl Iterator<Item = TokenStream>) -> TokenStream {
        if self.is_empty() {
            return quote!(());
        }
        let (name, idents) = (&self.name, self.fields.iter().map(|(ident, _)| ident));
        let unused = self.unused().map(|_| quote!(__unused: ::core::marker::PhantomData));
        quote!(#name { #(#idents: #values,)* #unused })
    }

    /// `()` or `CounterArgs { limits, .. }`, which binds the arguments by these idents.
    pub(crate) fn pattern(&self, idents: impl Iterator<Item = Ident>) -> TokenStream {
        if self.is_empty() {
            return quote!(());
        }
        let name = &self.name;
        quote!(#name { #(#idents,)* .. })
    }

    /// The struct. It is public in the generated `const`, so that private types in it do not leak.
    ///
    /// ```text
    /// pub struct CounterArgs<K: Key> where K: Ord {
    ///     pub limits: Limits,
    /// }
    /// ```
    /// Nothing without arguments.
    pub(crate) fn item(&self) -> Option<TokenStream> {
        let Self { name, generics, fields } = self;
        let where_clause = &generics.where_clause;
        let fields = fields.iter().map(|(ident, ty)| quote!(pub #ident: #ty,));
        let unused = self.unused().map(|ty| quote!(pub __unused: #ty,));
        (!self.is_empty()).then(|| quote!(pub struct #name #generics #where_clause { #(#fields)* #unused }))
    }

    /// ```text
    /// impl<K: Key> R::supervision::NamedArgs for CounterArgs<K> where K: Ord {}
    /// ```
    /// Nothing without arguments.
    pub(crate) fn named(&self, root: &Path) -> Option<TokenStream> {
        let (ty, (impl_generics, _, where_clause)) = (self.ty(), self.generics.split_for_impl());
        (!self.is_empty()).then(|| {
            quote! {
                #[automatically_derived]
                impl #impl_generics #root::supervision::NamedArgs for #ty #where_clause {}
            }
        })
    }

    fn unused(&self) -> Option<TokenStream> {
        let used: TokenStream = self.fields.iter().map(|(_, ty)| ty.clone()).collect();
        phantom(&self.generics, &used)
    }
}
