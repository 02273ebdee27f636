//! The handle of a tree: a field for the handle of each child, and the supervisor's handle, to
//! which it derefs.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::model::{Child, Tree};
use super::rules::{at_type, granted};
use crate::tokens::{generated, path_at};

/// ```text
/// /// What the tree [`App`] is reached with: ..
/// pub struct AppHandle where for<'__rule> Counter: R::supervision::Child {
///     /// The field's docs.
///     pub counter: <Counter as R::supervision::Child>::Handle,
///     __supervisor: R::SupervisorHandle,
/// }
/// ```
pub(super) fn handle(tree: &Tree<'_>) -> TokenStream {
    let Tree { root, vis, ident, generics, allowed, deprecated, children, .. } = tree;
    let name = tree.handle();
    let where_clause = granted(tree);
    let doc = format!(
        " What the tree [`{ident}`] is reached with: the handles of its children, and by `Deref` its supervisor's."
    );
    let fields = children.iter().map(|child| {
        let Child { vis, docs, deprecated, .. } = child;
        let (ident, ty) = (field(child), handle_type(tree, child));
        let doc = format!(" Reaches the child `{}`.", child.name());
        let docs = if docs.is_empty() { quote!(#[doc = #doc]) } else { quote!(#(#docs)*) };
        quote!(#docs #(#deprecated)* #vis #ident: #ty,)
    });
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis struct #name #generics #where_clause {
            #(#fields)*
            __supervisor: #root::SupervisorHandle,
        }
    }
}

/// `<Counter as R::supervision::Child>::Handle`
fn handle_type(tree: &Tree<'_>, child: &Child<'_>) -> TokenStream {
    let (place, ty) = (at_type(child), &child.ty);
    let root = path_at(&tree.root, place);
    quote_spanned!(place=> <#ty as #root::supervision::Child>::Handle)
}

/// The handle's field for a child, with the macro's hygiene, so that lints do not look at it.
pub(super) fn field(child: &Child<'_>) -> Ident {
    generated(child.ident, child.ident.span())
}

/// `Clone`, `Deref` and `Debug`, without the bounds that `derive` would add.
///
/// ```text
/// impl ::core::clone::Clone for AppHandle where for<'__rule> Counter: R::supervision::Child {
///     fn clone(&self) -> Self {
///         Self {
///             counter: ::core::clone::Clone::clone(&self.counter),
///             __supervisor: ::core::clone::Clone::clone(&self.__supervisor),
///         }
///     }
/// }
/// ..
/// ```
pub(super) fn traits(tree: &Tree<'_>) -> TokenStream {
    let Tree { root, generics, children, .. } = tree;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = granted(tree);
    let handle = tree.handle();
    let handle = quote!(#handle #type_generics);
    let clones = children.iter().map(|child| {
        let ident = field(child);
        quote_spanned!(at_type(child).resolved_at(Span::call_site())=> #ident: ::core::clone::Clone::clone(&self.#ident),)
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #handle #where_clause {
            fn clone(&self) -> Self {
                Self { #(#clones)* __supervisor: ::core::clone::Clone::clone(&self.__supervisor) }
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::ops::Deref for #handle #where_clause {
            type Target = #root::SupervisorHandle;
            fn deref(&self) -> &Self::Target {
                &self.__supervisor
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #handle #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.__supervisor, f)
            }
        }
    }
}
