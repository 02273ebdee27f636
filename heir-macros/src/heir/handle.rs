//! The handle: its struct, its traits, and a method for the reader of each recorded table.
//! `#[handlers]` writes the methods that send messages.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Generics;
use syn::ext::IdentExt;

use super::model::{Field, Worker};
use super::recorded::{reader_type, recorded};
use super::rules;
use crate::tokens::{generated, path_at};

/// ```text
/// /// The handle on [`Counter`]: ..
/// #[derive(::core::clone::Clone, ::core::fmt::Debug)]
/// pub struct CounterHandle where for<'__rule> Counter: R::by_hand::Handlers {
///     #[doc(hidden)]
///     pub __handle: R::Handle<Counter>,
/// }
/// ```
pub(super) fn handle(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, vis, ident, generics, allowed, deprecated, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let name = worker.companion("Handle");
    let doc = format!(
        " The handle on [`{ident}`], good for every incarnation; its methods come from its `#[handlers]`."
    );
    let bounded = generics_of(worker);
    let where_clause = &bounded.where_clause;
    let root = path_at(root, ident.span());
    let inner = quote_spanned!(ident.span()=> #root::Handle<#ident #type_generics>);
    let derived = is_derivable(worker).then(|| quote!(#[derive(::core::clone::Clone, ::core::fmt::Debug)]));
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #derived
        #vis struct #name #generics #where_clause {
            #[doc(hidden)]
            pub __handle: #inner,
        }
    }
}

/// Whether the handle's traits can be derived: with type parameters, `derive` would add bounds.
fn is_derivable(worker: &Worker<'_>) -> bool {
    worker.generics.type_params().next().is_none()
}

/// The struct's generics, with the bound that the worker has handlers. With type parameters the
/// bound stays plain, because the handlers may exist only for some types. Without, it is taken for
/// granted here, and checked in the struct's field.
fn generics_of(worker: &Worker<'_>) -> Generics {
    let Worker { root, ident, generics, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let granted = generics.type_params().next().is_none().then(|| quote!(for<'__rule>));
    let mut bounded = generics.clone();
    let bound = syn::parse_quote!(#granted #ident #type_generics: #root::by_hand::Handlers);
    bounded.make_where_clause().predicates.push(bound);
    bounded
}

/// `From`, `Deref`, and the traits that are not derived.
///
/// ```text
/// impl<K: Key> ::core::clone::Clone for CounterHandle<K>
/// where K: Ord, Counter<K>: R::by_hand::Handlers
/// {
///     fn clone(&self) -> Self { Self { __handle: ::core::clone::Clone::clone(&self.__handle) } }
/// }
/// ..
/// ```
pub(super) fn traits(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, ident, generics, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let bounded = generics_of(worker);
    let (impl_generics, _, where_clause) = bounded.split_for_impl();
    let inner = quote!(#root::Handle<#ident #type_generics>);
    let handle = worker.companion("Handle");
    let handle = quote!(#handle #type_generics);
    let underived = (!is_derivable(worker)).then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics ::core::clone::Clone for #handle #where_clause {
                fn clone(&self) -> Self {
                    Self { __handle: ::core::clone::Clone::clone(&self.__handle) }
                }
            }
            #[automatically_derived]
            impl #impl_generics ::core::fmt::Debug for #handle #where_clause {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::Debug::fmt(&self.__handle, f)
                }
            }
        }
    });
    quote! {
        #underived
        #[automatically_derived]
        impl #impl_generics ::core::convert::From<#inner> for #handle #where_clause {
            fn from(handle: #inner) -> Self {
                Self { __handle: handle }
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::ops::Deref for #handle #where_clause {
            type Target = #inner;
            fn deref(&self) -> &Self::Target {
                &self.__handle
            }
        }
    }
}

/// ```text
/// impl<K: Key> CounterHandle<K>
/// where K: Ord, Counter<K>: R::by_hand::Handlers
/// {
///     /// The field's docs.
///     pub fn hits(&self) -> <Table<K, u64> as R::table::Recorded>::Reader {
///         R::Handle::readers(&self.__handle).get::<Table<K, u64>>(0)
///     }
///     /// The recorded tables, in the order of the fields, as they were at one message boundary.
///     pub fn snapshot(&self) -> R::table::Snapshot<(<Table<K, u64> as R::table::Recorded>::Rows,)> {
///         R::Handle::readers(&self.__handle).snapshot(|copying| Some((copying.rows::<Table<K, u64>>(0)?,)))
///     }
/// }
/// ```
/// Nothing without recorded tables.
pub(super) fn reader_methods(worker: &Worker<'_>) -> TokenStream {
    if worker.recorded().next().is_none() {
        return TokenStream::new();
    }
    let root = &worker.root;
    let generics = generics_of(worker);
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = rules::granted_beside(worker, generics.clone(), worker.recorded());
    let handle = worker.companion("Handle");
    let methods = worker.recorded().enumerate().map(|(place, field)| {
        let Field { vis, docs, .. } = field;
        let checked = rules::checked_field(worker, field);
        let place = Literal::usize_unsuffixed(place);
        let ident = generated(field.ident, field.ident.span());
        let reader = reader_type(worker, field);
        let doc = format!(
            " The reader of the table `{}`: it goes on answering while nobody owns the table.",
            ident.unraw()
        );
        let docs = if docs.is_empty() { quote!(#[doc = #doc]) } else { quote!(#(#docs)*) };
        let head = quote_spanned!(ident.span()=> fn #ident(&self));
        quote!(#docs #vis #head -> #reader { #root::Handle::readers(&self.__handle).get::<#checked>(#place) })
    });
    let snapshot = snapshot(worker);
    quote!(impl #impl_generics #handle #type_generics #where_clause { #(#methods)* #snapshot })
}

fn snapshot(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, vis, .. } = worker;
    let rows = worker.recorded().map(|field| {
        let recorded = recorded(worker, field);
        quote!(#recorded::Rows,)
    });
    let copying = Ident::new("copying", Span::mixed_site());
    let copied = worker.recorded().enumerate().map(|(place, field)| {
        let checked = rules::checked_field(worker, field);
        let place = Literal::usize_unsuffixed(place);
        quote!(#copying.rows::<#checked>(#place)?,)
    });
    quote! {
        /// The recorded tables, in the order of the fields, as they were at one message boundary.
        #vis fn snapshot(&self) -> #root::table::Snapshot<(#(#rows)*)> {
            #root::Handle::readers(&self.__handle)
                .snapshot(|#copying| ::core::option::Option::Some((#(#copied)*)))
        }
    }
}
