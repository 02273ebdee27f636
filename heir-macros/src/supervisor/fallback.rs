//! Stubs beside the errors: the public items, and implementations that only type-check, so that
//! callers, and a tree that has this tree as a subtree, cause no more errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

use super::args;
use super::expand;
use super::handle::{handle, traits};
use super::model::Tree;

/// The stubs; nothing if the struct has a lifetime, as its companion could not be written.
///
/// ```text
/// pub struct AppHandle { .. }
/// const _: () = {
///     impl App {
///         pub fn spec(_: Limits) -> R::SupervisorBuilder<AppHandle> { ::core::unreachable!() }
///         ..
///     }
///     ..
/// };
/// ```
pub(super) fn stubs(mut tree: Tree<'_>) -> TokenStream {
    if tree.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    tree.children.retain(|child| child.ident.unraw() != "__supervisor");
    let (handle, alias) = (handle(&tree), args::alias(&tree));
    let body = quote!(::core::unreachable!());
    let unnamed: Vec<_> = tree.args().map(|_| quote!(_)).collect();
    let functions = expand::functions(&tree, &unnamed, &body, &body);
    let (traits, args) = (traits(&tree), args::items(&tree));
    let child = expand::child_impls(&tree, &body);
    quote! {
        #handle
        #alias
        const _: () = {
            #functions
            #traits
            #args
            #child
        };
    }
}
