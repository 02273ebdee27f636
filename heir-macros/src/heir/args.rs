//! The arguments of a worker as one value: `()`, or a public struct with a field for each, so that
//! a tree gives them by name.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Generics;
use syn::ext::IdentExt;

use super::model::{Field, Worker};
use super::rules;
use crate::tokens::{alias_params, generated, generics_naming, phantom};

/// `()` or `CounterArgs<K>`
pub(super) fn ty(worker: &Worker<'_>) -> TokenStream {
    if worker.args().next().is_none() {
        return quote!(());
    }
    let (name, generics) = (worker.companion("Args"), generics(worker));
    let (_, type_generics, _) = generics.split_for_impl();
    quote!(#name #type_generics)
}

/// `()` or `CounterArgs { limits: limits }`
pub(super) fn value(worker: &Worker<'_>, values: impl Iterator<Item = TokenStream>) -> TokenStream {
    if worker.args().next().is_none() {
        return quote!(());
    }
    let name = worker.companion("Args");
    let idents = worker.args().map(|field| generated(field.ident, field.ident.span()));
    let unused = unused(worker).map(|_| quote!(__unused: ::core::marker::PhantomData));
    quote!(#name { #(#idents: #values,)* #unused })
}

/// `let CounterArgs { limits, .. } = args;`, or nothing.
pub(super) fn unpacked(worker: &Worker<'_>, from: &Ident) -> Option<TokenStream> {
    worker.args().next()?;
    let (name, idents) = (worker.companion("Args"), worker.args().map(|field| field.ident));
    Some(quote!(let #name { #(#idents,)* .. } = #from;))
}

/// The public name of the struct.
///
/// ```text
/// /// The arguments of [`Counter`], by name: `limits`.
/// pub type CounterArgs<K> = <Counter<K> as R::by_hand::Worker>::Args;
/// ```
/// Nothing without arguments.
pub(super) fn alias(worker: &Worker<'_>) -> Option<TokenStream> {
    worker.args().next()?;
    let Worker { root, vis, ident, allowed, deprecated, .. } = worker;
    let (_, type_generics, _) = worker.generics.split_for_impl();
    let (name, params) = (worker.companion("Args"), alias_params(&worker.generics));
    let names: Vec<String> = worker.args().map(|field| format!("`{}`", field.ident.unraw())).collect();
    let doc = format!(" The arguments of [`{ident}`], by name: {}.", names.join(", "));
    Some(quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis type #name #params = <#ident #type_generics as #root::by_hand::Worker>::Args;
    })
}

/// The struct. It is public in the generated `const`, so that private types in it do not leak.
///
/// ```text
/// pub struct CounterArgs<K: Key> where K: Ord {
///     pub limits: Limits,
/// }
/// ```
/// Nothing without arguments.
fn item(worker: &Worker<'_>) -> Option<TokenStream> {
    worker.args().next()?;
    let (name, generics) = (worker.companion("Args"), generics(worker));
    let where_clause = &generics.where_clause;
    let fields = worker.args().map(|Field { ident, ty, .. }| {
        let ident = generated(ident, ident.span());
        quote!(pub #ident: #ty,)
    });
    let unused = unused(worker).map(|ty| quote!(pub __unused: #ty,));
    Some(quote!(pub struct #name #generics #where_clause { #(#fields)* #unused }))
}

/// The struct, and what it implements. `Clone` is written by hand, because `derive` would add the bound `K: Clone`.
///
/// ```text
/// impl<K: Key> ::core::clone::Clone for CounterArgs<K> where K: Ord {
///     fn clone(&self) -> Self {
///         CounterArgs { limits: <Limits as ::core::clone::Clone>::clone(&self.limits) }
///     }
/// }
/// impl<K: Key> R::supervision::NamedArgs for CounterArgs<K> where K: Ord {}
/// ```
/// Nothing without arguments.
pub(super) fn items(worker: &Worker<'_>) -> Option<TokenStream> {
    let item = item(worker)?;
    let (root, ty, generics) = (&worker.root, ty(worker), generics(worker));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let granted = rules::granted_beside(worker, generics.clone(), worker.args());
    let clones = worker
        .args()
        .map(|Field { ident, ty, .. }| quote!(<#ty as ::core::clone::Clone>::clone(&self.#ident)));
    let value = value(worker, clones);
    Some(quote! {
        #item
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #ty #granted {
            fn clone(&self) -> Self {
                #value
            }
        }
        #[automatically_derived]
        impl #impl_generics #root::supervision::NamedArgs for #ty #where_clause {}
    })
}

/// The parameters of the struct: those of the worker that its fields name.
fn generics(worker: &Worker<'_>) -> Generics {
    generics_naming(&worker.generics, &used(worker))
}

fn used(worker: &Worker<'_>) -> TokenStream {
    worker.args().map(|field| field.ty.clone()).collect()
}

fn unused(worker: &Worker<'_>) -> Option<TokenStream> {
    phantom(&generics(worker), &used(worker))
}
