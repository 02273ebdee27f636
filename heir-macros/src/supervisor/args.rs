//! The arguments of a tree as one value: `()`, or a public struct with a field for each.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Generics;
use syn::ext::IdentExt;

use super::model::Tree;
use crate::tokens::{alias_params, generated, generics_naming, phantom};

/// `()` or `AppArgs<K>`
pub(super) fn ty(tree: &Tree<'_>) -> TokenStream {
    if tree.args().next().is_none() {
        return quote!(());
    }
    let (name, generics) = (name(tree), generics(tree));
    let (_, type_generics, _) = generics.split_for_impl();
    quote!(#name #type_generics)
}

/// `AppArgs { limits: limits }`
pub(super) fn value(tree: &Tree<'_>, values: impl Iterator<Item = TokenStream>) -> TokenStream {
    let name = name(tree);
    let idents = tree.args().map(|(name, _)| name);
    let unused = unused(tree).map(|_| quote!(__unused: ::core::marker::PhantomData));
    quote!(#name { #(#idents: #values,)* #unused })
}

/// `AppArgs { limits, .. }`, or `()`
pub(super) fn pattern(tree: &Tree<'_>) -> TokenStream {
    if tree.args().next().is_none() {
        return quote!(());
    }
    let (name, idents) = (name(tree), tree.args().map(|(name, _)| generated(name, name.span())));
    quote!(#name { #(#idents,)* .. })
}

/// The public name of the struct.
///
/// ```text
/// /// The arguments of the tree [`App`], by name: `limits` for `hits`.
/// pub type AppArgs = <App as R::supervision::Child>::Args;
/// ```
/// Nothing without arguments.
pub(super) fn alias(tree: &Tree<'_>) -> Option<TokenStream> {
    tree.args().next()?;
    let Tree { root, vis, ident, allowed, deprecated, generics, .. } = tree;
    let (_, type_generics, _) = generics.split_for_impl();
    let (name, params) = (name(tree), alias_params(generics));
    let doc = format!(" The arguments of the tree [`{ident}`], by name: {}.", taken(tree));
    Some(quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis type #name #params = <#ident #type_generics as #root::supervision::Child>::Args;
    })
}

/// `` `limits` and `path` for `hits`, `size` for `type` ``
pub(super) fn taken(tree: &Tree<'_>) -> String {
    let taken = tree.children.iter().filter_map(|child| {
        let names: Vec<String> =
            child.args_of_start().map(|(name, _)| format!("`{}`", name.unraw())).collect();
        (!names.is_empty()).then(|| format!("{} for `{}`", names.join(" and "), child.name()))
    });
    taken.collect::<Vec<_>>().join(", ")
}

/// The struct. It is public in the generated `const`, so that private types in it do not leak.
///
/// ```text
/// pub struct AppArgs {
///     pub limits: Limits,
/// }
/// impl R::supervision::NamedArgs for AppArgs {}
/// ```
/// Nothing without arguments.
pub(super) fn items(tree: &Tree<'_>) -> Option<TokenStream> {
    tree.args().next()?;
    let (root, ty, generics) = (&tree.root, ty(tree), generics(tree));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let name = name(tree);
    let mut named = HashSet::new();
    // Two of one name have been reported.
    let fields = tree.args().filter(|(name, _)| named.insert(*name)).map(|(name, ty)| {
        let name = generated(name, name.span());
        quote!(pub #name: #ty,)
    });
    let unused = unused(tree).map(|ty| quote!(pub __unused: #ty,));
    Some(quote! {
        pub struct #name #generics #where_clause { #(#fields)* #unused }
        #[automatically_derived]
        impl #impl_generics #root::supervision::NamedArgs for #ty #where_clause {}
    })
}

fn name(tree: &Tree<'_>) -> Ident {
    format_ident!("{}Args", tree.ident.unraw(), span = tree.ident.span())
}

/// The parameters of the struct: those of the tree that its fields name.
fn generics(tree: &Tree<'_>) -> Generics {
    generics_naming(&tree.generics, &used(tree))
}

fn used(tree: &Tree<'_>) -> TokenStream {
    tree.args().map(|(_, ty)| ty.clone()).collect()
}

fn unused(tree: &Tree<'_>) -> Option<TokenStream> {
    phantom(&generics(tree), &used(tree))
}
