//! The arguments of a tree: what its children take from the caller of `start`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use super::model::Tree;
use crate::args::Args;
use crate::tokens::{alias_params, generated};

/// `()`, or the struct `AppArgs`.
pub(super) fn args(tree: &Tree<'_>) -> Args {
    Args::new(name(tree), &tree.generics, tree.args())
}

/// `AppArgs { limits, .. }`, or `()`
pub(super) fn pattern(tree: &Tree<'_>) -> TokenStream {
    args(tree).pattern(tree.args().map(|(name, _)| generated(name, name.span())))
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

/// The struct, with the mark that it has names; nothing without arguments.
pub(super) fn items(tree: &Tree<'_>) -> Option<TokenStream> {
    let args = args(tree);
    let (item, named) = (args.item()?, args.named(&tree.root));
    Some(quote!(#item #named))
}

fn name(tree: &Tree<'_>) -> Ident {
    format_ident!("{}Args", tree.ident.unraw(), span = tree.ident.span())
}
