//! The bundle of a worker's tables: its own bundle, or the bundle of another worker with the same
//! tables.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Path, PathArguments};

use super::model::{Field, Worker};
use crate::editions;
use crate::tokens::{alias_params, generated, mentions, param_name, path_at, phantom};

/// The public item: the bundle, or an alias of another worker's bundle.
pub(super) fn bundle(worker: &Worker<'_>) -> TokenStream {
    match worker.shared_tables() {
        Some(path) => shared(worker, path),
        None => own(worker),
    }
}

/// ```text
/// /// The tables of [`Counter`], together: they outlive each incarnation of it.
/// pub struct CounterTables<K: Key> where K: Ord {
///     /// The field's docs.
///     pub counts: HashMap<K, u64>,
///     queue: Vec<u64>,
/// }
/// ```
fn own(worker: &Worker<'_>) -> TokenStream {
    let Worker { vis, ident, generics, allowed, deprecated, .. } = worker;
    let name = worker.companion("Tables");
    let where_clause = &generics.where_clause;
    let doc = format!(" The tables of [`{ident}`], together: they outlive each incarnation of it.");
    let fields = worker.tables().map(|Field { ident, vis, docs, ty, .. }| {
        let ident = generated(ident, ident.span());
        quote!(#(#docs)* #vis #ident: #ty,)
    });
    let unused = unused(worker).map(|ty| quote!(#[doc(hidden)] __unused: #ty,));
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis struct #name #generics #where_clause { #(#fields)* #unused }
    }
}

/// ```text
/// /// The tables of [`CounterV2`]: those of another worker, which it can take over.
/// pub type CounterV2Tables<K> = CounterTables<K>;
/// ```
fn shared(worker: &Worker<'_>, path: &Path) -> TokenStream {
    let Worker { root, vis, ident, allowed, deprecated, .. } = worker;
    let name = worker.companion("Tables");
    let params = alias_params(&worker.generics);
    let doc = format!(" The tables of [`{ident}`]: those of another worker, which it can take over.");
    let (_, type_generics, _) = worker.generics.split_for_impl();
    let target = target(worker, path);
    // A type alias must use all of its parameters.
    let is_used = worker.generics.params.iter().all(|param| mentions(&target, &param_name(param)));
    let target = if is_used {
        target
    } else {
        quote!(<#target as #root::__private::Beside<#ident #type_generics>>::Itself)
    };
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis type #name #params = #target;
    }
}

/// The path as a type: with the worker's parameters, if it has none.
fn target(worker: &Worker<'_>, path: &Path) -> TokenStream {
    let (_, type_generics, _) = worker.generics.split_for_impl();
    if has_parameters(path) { quote!(#path) } else { quote!(#path #type_generics) }
}

fn has_parameters(path: &Path) -> bool {
    path.segments.iter().any(|segment| !matches!(segment.arguments, PathArguments::None))
}

/// The name by which the implementation calls another worker's bundle. One constant asserts that
/// the bundle has the same tables. If it has not, the error in the constant should be the only one,
/// and rustc should not repeat it wherever the implementation touches a table: so the type depends
/// on the constant, and rustc says nothing more of a type with an error. (A bundle with generic
/// parameters cannot stand in a constant.)
///
/// ```text
/// const __SAME: usize = {
///     let _ = |counts: HashMap<String, u64>, queue: Vec<u64>| CounterV2Tables {
///         counts: R::__private::same::<HashMap<String, u64>, _>(counts),
///         queue: R::__private::same::<Vec<u64>, _>(queue),
///     };
///     0
/// };
/// type __Tables = <CounterV2Tables as R::__private::Beside<[(); __SAME]>>::Itself;
/// ```
/// Nothing for the worker's own bundle.
pub(super) fn checked(worker: &Worker<'_>) -> Option<TokenStream> {
    let path = worker.shared_tables().filter(|_| is_checked(worker))?;
    let (root, alias) = (&worker.root, worker.companion("Tables"));
    // At the span of the path: rustc then says there which fields the bundle has.
    let place = path.span();
    let mut there = alias.clone();
    there.set_span(place);
    let params = worker.tables().map(|field| {
        let (local, ty) = (local(field), &field.ty);
        quote!(#local: #ty)
    });
    let values = worker.tables().map(|field| {
        let (ident, local, ty) = (field.ident, local(field), &field.ty);
        let root = path_at(root, local.span());
        let same = quote_spanned!(local.span()=> #root::__private::same::<#ty, _>(#local));
        quote!(#ident: #same)
    });
    let bundle = quote_spanned!(place=> #there { #(#values),* });
    Some(quote! {
        const __SAME: usize = {
            let _ = |#(#params),*| #bundle;
            0
        };
        type __Tables = <#alias as #root::__private::Beside<[(); __SAME]>>::Itself;
    })
}

/// `type __Tables = CounterV2Tables;`, for when there are other errors, to which [`checked`] would
/// add.
pub(super) fn unchecked(worker: &Worker<'_>) -> Option<TokenStream> {
    let alias = worker.companion("Tables");
    is_checked(worker).then(|| quote!(type __Tables = #alias;))
}

fn is_checked(worker: &Worker<'_>) -> bool {
    worker.shared_tables().is_some() && worker.generics.params.is_empty()
}

/// A local variable for a field, at the span of the field's type: if the two bundles differ in it,
/// the error is there.
fn local(field: &Field<'_>) -> Ident {
    editions::moved(field.ident, field.written_ty.span().resolved_at(Span::mixed_site()))
}

/// `CounterTables`, or `__Tables` for a bundle that is [`checked`].
pub(super) fn name(worker: &Worker<'_>) -> Ident {
    if is_checked(worker) { Ident::new("__Tables", Span::call_site()) } else { worker.companion("Tables") }
}

/// `CounterTables { counts: counts, queue: queue }`
pub(super) fn value(worker: &Worker<'_>, values: &TokenStream) -> TokenStream {
    let name = name(worker);
    let (_, type_generics, _) = worker.generics.split_for_impl();
    // rustc cannot infer all parameters of an alias.
    let params = worker.shared_tables().map(|_| type_generics.as_turbofish());
    let unused = unused(worker).map(|_| quote!(, __unused: ::core::marker::PhantomData));
    quote!(#name #params { #values #unused })
}

/// The type of the hidden field that mentions the parameters that no table mentions. Another
/// worker's bundle has such a field for the same parameters.
fn unused(worker: &Worker<'_>) -> Option<TokenStream> {
    if worker.shared_tables().is_some_and(has_parameters) {
        return None;
    }
    let types: TokenStream = worker.tables().map(|field| field.ty.clone()).collect();
    phantom(&worker.generics, &types)
}
