//! The handle: its struct, what it implements, and its methods for the readers of recorded tables. Those for messages
//! come from `#[handlers]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Generics;

use super::model::{Field, Worker};
use super::recorded::reader_type;
use super::rules;
use crate::tokens::{generated, path_at};

/// ```text
/// /// The handle on [`Counter`]: ..
/// pub struct CounterHandle<K: Key> where K: Ord, Counter<K>: R::Handlers {
///     #[doc(hidden)]
///     pub __handle: R::Handle<Counter<K>>,
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
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis struct #name #generics #where_clause {
            #[doc(hidden)]
            pub __handle: #inner,
        }
    }
}

/// The struct's generics, and the bound that the worker has handlers. With type parameters they may be written for some of
/// the parameters' types only; without, the bound is taken for granted, and the struct's field is where it is checked.
fn generics_of(worker: &Worker<'_>) -> Generics {
    let Worker { root, ident, generics, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let granted = generics.type_params().next().is_none().then(|| quote!(for<'__rule>));
    let mut bounded = generics.clone();
    let bound = syn::parse_quote!(#granted #ident #type_generics: #root::Handlers);
    bounded.make_where_clause().predicates.push(bound);
    bounded
}

/// `Clone`, `From`, `Deref` and `Debug`, without the bounds that a `derive` would add.
///
/// ```text
/// impl<K: Key> ::core::clone::Clone for CounterHandle<K> where K: Ord, Counter<K>: R::Handlers {
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
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #handle #where_clause {
            fn clone(&self) -> Self {
                Self { __handle: ::core::clone::Clone::clone(&self.__handle) }
            }
        }
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
        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #handle #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.__handle, f)
            }
        }
    }
}

/// ```text
/// impl<K: Key> CounterHandle<K>
/// where K: Ord, Counter<K>: R::Handlers, for<'__rule> Counter<K>: R::Worker<Readers = __Readers<K>>
/// {
///     /// The field's docs.
///     pub fn hits(&self) -> <Table<K, u64> as R::table::Recorded>::Reader {
///         R::Handle::readers(&self.__handle).hits
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
    let (_, parameters, _) = worker.generics.split_for_impl();
    let where_clause =
        rules::granted_worker(worker, generics.clone(), &quote!(<Readers = __Readers #parameters>));
    let known = Generics { where_clause, ..generics.clone() };
    let where_clause = rules::granted_beside(worker, known, worker.recorded());
    let handle = worker.companion("Handle");
    let methods = worker.recorded().map(|field| {
        let Field { vis, docs, .. } = field;
        let ident = generated(field.ident, field.ident.span());
        let reader = reader_type(worker, field);
        let doc =
            format!(" The reader of the table `{ident}`: it goes on answering while nobody owns the table.");
        let docs = if docs.is_empty() { quote!(#[doc = #doc]) } else { quote!(#(#docs)*) };
        let head = quote_spanned!(ident.span()=> fn #ident(&self));
        quote!(#docs #vis #head -> #reader { #root::Handle::readers(&self.__handle).#ident })
    });
    quote!(impl #impl_generics #handle #type_generics #where_clause { #(#methods)* })
}
