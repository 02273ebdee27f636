//! The arguments of a worker: what its spec takes, and each incarnation gets clones of.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::model::{Field, Worker};
use super::rules;
use crate::args::Args;
use crate::tokens::alias_params;

/// `()`, or the struct `CounterArgs`.
pub(super) fn args(worker: &Worker<'_>) -> Args {
    let fields = worker.args().map(|field| (field.ident, &field.ty));
    Args::new(worker.companion("Args"), &worker.generics, fields)
}

/// `let CounterArgs { limits, .. } = args;`, or nothing. The user's expressions see the arguments.
pub(super) fn unpacked(worker: &Worker<'_>, from: &Ident) -> Option<TokenStream> {
    worker.args().next()?;
    let pattern = args(worker).pattern(worker.args().map(|field| field.ident.clone()));
    Some(quote!(let #pattern = #from;))
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

/// The struct, and what it implements. `Clone` is written by hand, because `derive` would add the
/// bound `K: Clone`.
///
/// ```text
/// pub struct CounterArgs<K: Key> where K: Ord { pub limits: Limits }
/// impl<K: Key> ::core::clone::Clone for CounterArgs<K> where K: Ord {
///     fn clone(&self) -> Self {
///         CounterArgs { limits: <Limits as ::core::clone::Clone>::clone(&self.limits) }
///     }
/// }
/// impl<K: Key> R::supervision::NamedArgs for CounterArgs<K> where K: Ord {}
/// ```
/// Nothing without arguments.
pub(super) fn items(worker: &Worker<'_>) -> Option<TokenStream> {
    let args = args(worker);
    let (item, named, ty) = (args.item()?, args.named(&worker.root), args.ty());
    let (impl_generics, _, _) = args.generics.split_for_impl();
    let granted = rules::granted_beside(worker, args.generics.clone(), worker.args());
    let clones = worker
        .args()
        .map(|Field { ident, ty, .. }| quote!(<#ty as ::core::clone::Clone>::clone(&self.#ident)));
    let value = args.value(clones);
    Some(quote! {
        #item
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #ty #granted {
            fn clone(&self) -> Self {
                #value
            }
        }
        #named
    })
}
