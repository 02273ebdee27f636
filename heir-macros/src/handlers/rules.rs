//! The rules on the types that travel in messages: each is a trait of the runtime, whose error says
//! what is wrong.
//!
//! One constant, `__RULES`, asserts the rules. If a rule is broken, the error in the constant
//! should be the only one:
//!
//! - The code of the message takes the rules for granted, through higher-ranked bounds, as the code
//!   of a worker does with the rules on its fields.
//! - The code that uses the worker names its message type, and that type depends on the constant.
//!   If the constant has an error, so has the type, of which rustc says nothing more.
//!
//! Rules on types with generic parameters cannot stand in a constant. A function asserts them, and
//! all code that needs them takes them for granted.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Path, WhereClause};

use super::model::{Handler, Handlers, Kind};
use crate::tokens::{is_plain, path_at};

/// The types that travel to and from the worker, with their spans.
fn travelling(handler: &Handler) -> impl Iterator<Item = (&TokenStream, Span)> {
    let reply = match &handler.kind {
        Kind::Call { reply, written } => written.map(|written| (reply, written)),
        Kind::Cast => None,
    };
    handler.payload().chain(reply)
}

/// The code that asserts the rules; nothing if all types are known to break none.
///
/// ```text
/// const __RULES: usize = {
///     R::__private::assert_payload::<Row>();
///     R::__private::assert_again::<Row>();
///     R::__private::assert_early::<Counter>();
///     0
/// };
/// type __Checked = <__Message as R::__private::Beside<[(); __RULES]>>::Itself;
/// ```
/// With parameters
/// ```text
/// fn __rules<K: Key>() where K: Ord {
///     R::__private::assert_payload::<Row<K>>();
/// }
/// ```
pub(super) fn asserted(handlers: &Handlers) -> Option<TokenStream> {
    let Handlers { root, generics, self_ty, messages, .. } = handlers;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let is_to_be_asserted = |(ty, _): &(&TokenStream, Span)| !is_plain(ty);
    let assertions = messages.iter().map(|handler| {
        let cfgs = &handler.cfgs;
        let payload = travelling(handler).filter(is_to_be_asserted);
        let payload = payload.map(|(ty, written)| assertion(root, "assert_payload", ty, written));
        let redelivered = handler.payload().filter(is_to_be_asserted).filter(|_| handler.redeliver.is_some());
        let again = redelivered.map(|(ty, written)| assertion(root, "assert_again", ty, written));
        let early = handler.early.map(|written| {
            // The error is at the word, and the type's own span would draw it away.
            let there = |mut token: TokenTree| {
                token.set_span(token.span().located_at(written));
                token
            };
            let worker = self_ty.clone().into_iter().map(there).collect();
            assertion(root, "assert_early", &worker, written)
        });
        let all: TokenStream = payload.chain(again).chain(early).collect();
        if all.is_empty() || cfgs.is_empty() { all } else { quote!(#(#cfgs)* { #all }) }
    });
    let assertions: TokenStream = assertions.collect();
    if !is_checked(handlers) {
        return (!assertions.is_empty())
            .then(|| quote!(fn __rules #impl_generics () #where_clause { #assertions }));
    }
    Some(quote! {
        const __RULES: usize = {
            #assertions
            0
        };
        type __Checked = <__Message as #root::__private::Beside<[(); __RULES]>>::Itself;
    })
}

/// Whether the message type depends on the constant: not with generic parameters, and not if there
/// is nothing to assert.
fn is_checked(handlers: &Handlers) -> bool {
    let travels = handlers.messages.iter().flat_map(travelling);
    handlers.generics.params.is_empty() && travels.into_iter().any(|(ty, _)| !is_plain(ty))
}

/// `__Message<K>`, or `__Checked`
pub(super) fn message_type(handlers: &Handlers) -> TokenStream {
    let (_, type_generics, _) = handlers.generics.split_for_impl();
    if is_checked(handlers) { quote!(__Checked) } else { quote!(__Message #type_generics) }
}

fn assertion(root: &Path, rule: &str, ty: &TokenStream, written: Span) -> TokenStream {
    let span = written.resolved_at(Span::mixed_site());
    let (root, rule) = (path_at(root, span), Ident::new(rule, span));
    quote_spanned!(span=> #root::__private::#rule::<#ty>();)
}

/// The block's `where` clause, with bounds that take the rules for granted. Types of handlers under
/// a `cfg` are left out, as they may not exist.
///
/// ```text
/// where K: Ord, for<'__rule> Row: R::__private::Payload
/// ```
fn of_messages(handlers: &Handlers) -> Option<WhereClause> {
    let Handlers { root, generics, messages, .. } = handlers;
    let mut generics = generics.clone();
    let mut stated = HashSet::new();
    for handler in messages.iter().filter(|handler| handler.cfgs.is_empty()) {
        for (ty, _) in travelling(handler) {
            if !is_plain(ty) && stated.insert(ty.to_string()) {
                let bound = syn::parse_quote!(for<'__rule> #ty: #root::__private::Payload);
                generics.make_where_clause().predicates.push(bound);
            }
        }
    }
    generics.where_clause
}

/// [`of_messages`], and that the worker is a `Worker`: if it is not, the error is at the struct.
///
/// ```text
/// where
///     K: Ord,
///     for<'__rule> Row: R::__private::Payload,
///     for<'__rule> Counter<K>: R::by_hand::Worker<Tables = CounterTables<K>>,
///     for<'__rule> CounterTables<K>: ::core::marker::Send,
/// ```
/// Without type parameters rustc looks up the tables itself, in spite of the bound.
pub(super) fn of_worker(handlers: &Handlers) -> Option<WhereClause> {
    let Handlers { root, generics, self_ty, tables, .. } = handlers;
    let has_types = generics.type_params().next().is_some();
    let named = has_types.then(|| quote!(<Tables = #tables>));
    let mut generics = generics.clone();
    if !is_checked(handlers) {
        generics.where_clause = of_messages(handlers);
    }
    let where_clause = generics.make_where_clause();
    where_clause.predicates.push(syn::parse_quote!(for<'__rule> #self_ty: #root::by_hand::Worker #named));
    if has_types {
        where_clause.predicates.push(syn::parse_quote!(for<'__rule> #tables: ::core::marker::Send));
    }
    generics.where_clause
}

/// [`of_messages`], and that the message is `Send + 'static`.
///
/// ```text
/// where
///     K: Ord,
///     for<'__rule> Row: R::__private::Payload,
///     for<'__rule> __Message<K>: ::core::marker::Send + 'static,
/// ```
pub(super) fn of_message(handlers: &Handlers) -> Option<WhereClause> {
    let mut generics = handlers.generics.clone();
    let (_, type_generics, _) = handlers.generics.split_for_impl();
    generics.where_clause = of_messages(handlers);
    let bound = syn::parse_quote!(for<'__rule> __Message #type_generics: ::core::marker::Send + 'static);
    generics.make_where_clause().predicates.push(bound);
    generics.where_clause
}

/// That the worker has handlers: if they have mistakes, the errors are at the handlers.
///
/// ```text
/// where K: Ord, for<'__rule> Counter<K>: R::by_hand::Handlers<Message = __Message<K>>
/// ```
pub(super) fn of_handle(handlers: &Handlers) -> Option<WhereClause> {
    let Handlers { root, self_ty, .. } = handlers;
    let mut generics = handlers.generics.clone();
    let (_, type_generics, _) = handlers.generics.split_for_impl();
    let bound = syn::parse_quote!(for<'__rule> #self_ty: #root::by_hand::Handlers<Message = __Message #type_generics>);
    generics.make_where_clause().predicates.push(bound);
    generics.where_clause
}

/// ```text
/// where for<'__rule> Row: R::__private::Again
/// ```
pub(super) fn of_redelivery(root: &Path, handler: &Handler) -> Option<TokenStream> {
    handler.redeliver?;
    let types = handler.payload().map(|(ty, _)| ty);
    Some(quote!(where #(for<'__rule> #types: #root::__private::Again),*))
}
