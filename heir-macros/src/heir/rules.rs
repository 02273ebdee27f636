//! The rules on the types of fields: each is a trait of the runtime, whose error says what is
//! wrong.
//!
//! One constant, `__RULES`, asserts the rules, and does nothing else. Each broken rule is one
//! error, at the field's type, and should be the only one. So the implementation names the types by
//! an alias that depends on the constant: if the constant has an error, so has the alias, of which
//! rustc says nothing more, and code that uses the worker gets no errors. (Only the rule that the
//! worker is `Send` is about the struct itself.)
//!
//! Rules on types with generic parameters cannot stand in a constant. A function asserts them, and
//! all code that needs them takes them for granted. Such bounds are higher-ranked (`for<'__rule>`):
//! rustc believes them of a concrete type, where it would check a plain bound at once.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, WhereClause};

use super::model::{Field, Kind, Restored, Worker};
use crate::tokens::{generated, is_plain, is_plain_table, is_plain_value, path_at};

/// The trait that a field's type must implement.
fn rule(field: &Field<'_>) -> TokenStream {
    match &field.kind {
        Kind::Table { restored: Restored::ByItsRecord, .. } => quote!(table::Recorded),
        Kind::Table { restored: Restored::AsItIs, .. } => quote!(__private::KeepTable),
        Kind::Table { restored: Restored::BeforeTheMessage, .. } => quote!(__private::RollbackTable),
        Kind::Arg => quote!(__private::Arg),
        Kind::Fresh { with: None } => quote!(__private::Fresh),
        Kind::Fresh { with: Some(_) } => quote!(__private::Rest),
    }
}

/// Whether a new table starts as its type's `Default`.
fn starts_as_default(field: &Field<'_>) -> bool {
    matches!(&field.kind, Kind::Table { restored, init: None, .. } if *restored != Restored::ByItsRecord)
}

/// The code that asserts the rules; nothing if all types are known to break none.
///
/// ```text
/// const __RULES: usize = {
///     use R::__private::OtherRules as _;
///     R::__private::assert_recorded::<Table<Key, u64>>();
///     let _ = || R::__private::Rules::<Table<Key, u64>>::assert_stored::<Table<Key, u64>>(); // with `survives = process`
///     let _ = || R::__private::Rules::<Vec<Row>>::assert_not_recorded();
///     let _ = || R::__private::Rules::<Vec<Row>>::assert_rollback::<Vec<Row>>();
///     let _ = || R::__private::Rules::<Vec<Row>>::assert_initial::<Vec<Row>>();
///     let _ = || R::__private::Rules::<Vec<Row>>::assert_stored_value::<Vec<Row>>(); // with `survives = process`
///     R::__private::assert_arg::<Limits>();
///     0
/// };
/// type __Checked<T> = <T as R::__private::Beside<[(); __RULES]>>::Itself;
/// ```
/// With parameters
/// ```text
/// fn __rules<K: Key>() where K: Ord {
///     R::__private::assert_recorded::<Table<K, u64>>();
/// }
/// ```
pub(super) fn asserted(worker: &Worker<'_>) -> Option<TokenStream> {
    let (impl_generics, _, where_clause) = worker.generics.split_for_impl();
    let mut names_rules = false;
    let assertions = worker.fields.iter().filter(|field| !is_known(worker, field)).map(|field| {
        names_rules |=
            matches!(field.kind, Kind::Table { word: Some(_), .. }) || asserts_stored(worker, field);
        assertions_on(worker, field)
    });
    let assertions: TokenStream = assertions.collect();
    let root = &worker.root;
    let names_rules = names_rules.then(|| quote!(use #root::__private::OtherRules as _;));
    let assertions = quote!(#names_rules #assertions);
    if !is_checked(worker) {
        return (!assertions.is_empty())
            .then(|| quote!(fn __rules #impl_generics () #where_clause { #assertions }));
    }
    Some(quote! {
        const __RULES: usize = {
            #assertions
            0
        };
        type __Checked<T> = <T as #root::__private::Beside<[(); __RULES]>>::Itself;
    })
}

/// The alias that [`checked`] needs if there are other errors: it asserts nothing.
pub(super) fn unasserted(worker: &Worker<'_>) -> Option<TokenStream> {
    is_checked(worker).then(|| {
        quote!(
            type __Checked<T> = T;
        )
    })
}

/// Whether the implementation depends on the constant: not with generic parameters, and not if
/// there is nothing to assert.
pub(super) fn is_checked(worker: &Worker<'_>) -> bool {
    worker.generics.params.is_empty() && !worker.fields.iter().all(|field| is_known(worker, field))
}

/// `__Checked<CounterTables>`
pub(super) fn checked(worker: &Worker<'_>, ty: &TokenStream) -> TokenStream {
    if is_checked(worker) { quote!(__Checked<#ty>) } else { ty.clone() }
}

/// `__Checked<Vec<Row>>`, for a field whose type is not known to break no rule.
pub(super) fn checked_field(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let ty = &field.ty;
    if !is_checked(worker) || is_known(worker, field) {
        return ty.clone();
    }
    let place = place(field);
    let name = Ident::new("__Checked", place.resolved_at(Span::call_site()));
    quote_spanned!(place=> #name<#ty>)
}

/// The bounds that the implementation takes for granted: all rules, or, if it depends on the
/// constant, only that the worker is `Send`, which is a rule on the struct itself.
pub(super) fn of_worker(worker: &Worker<'_>) -> Option<WhereClause> {
    if !is_checked(worker) {
        return granted(worker, worker.fields.iter());
    }
    let (ident, mut generics) = (&worker.ident, worker.generics.clone());
    let bound = syn::parse_quote!(for<'__rule> #ident: ::core::marker::Send);
    generics.make_where_clause().predicates.push(bound);
    generics.where_clause
}

/// Asserts at the struct's name that there is a `#[handlers]` block. With type parameters, the
/// block may be for some types only.
///
/// ```text
/// struct __Handled(R::Handle<Counter>) where ..;
/// ```
pub(super) fn handled(worker: &Worker<'_>) -> Option<TokenStream> {
    let Worker { root, ident, generics, written_ident, .. } = worker;
    if generics.type_params().next().is_some() {
        return None;
    }
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = granted_worker(worker, generics.clone(), &TokenStream::new());
    let span = written_ident.span().resolved_at(Span::mixed_site());
    let root = path_at(root, span);
    let ident = generated(ident, span);
    let handle = quote_spanned!(span=> #root::Handle<#ident #type_generics>);
    Some(quote!(struct __Handled #impl_generics (#handle) #where_clause;))
}

/// Asserts the rules on a field.
fn assertions_on(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let of_all = |rule: &str| {
        let (span, ty) = (place(field), &field.ty);
        let (root, rule) = (path_at(&worker.root, span), Ident::new(rule, span));
        quote_spanned!(span=> #root::__private::#rule::<#ty>();)
    };
    match &field.kind {
        Kind::Table { restored: Restored::ByItsRecord, .. } => {
            let recorded = of_all("assert_recorded");
            let stored = asserts_stored(worker, field).then(|| of_stored_tables(worker, field));
            quote!(#recorded #stored)
        }
        Kind::Table { restored, word, .. } => {
            let keep = (*restored == Restored::AsItIs).then(|| of_all("assert_keep"));
            let others = of_other_tables(worker, field, *restored, word.unwrap_or_else(|| place(field)));
            let stored = worker.stores_value(field).then(|| of_stored_values(worker, field));
            quote!(#keep #others #stored)
        }
        Kind::Arg => of_all("assert_arg"),
        Kind::Fresh { with: None } => of_all("assert_fresh"),
        Kind::Fresh { with: Some(_) } => of_all("assert_rest"),
    }
}

/// Whether the constant asserts that the rows can be stored. In a worker with parameters, the code that lists
/// the stored tables is the only one that needs it, and has the error.
fn asserts_stored(worker: &Worker<'_>, field: &Field<'_>) -> bool {
    worker.generics.params.is_empty() && worker.stores(field)
}

/// Asserts what holds for a stored table: nothing, if it is no recorded table, which is another error.
fn of_stored_tables(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let (at, ty) = (place(field), &field.ty);
    let root = path_at(&worker.root, at);
    quote_spanned!(at=> let _ = || #root::__private::Rules::<#ty>::assert_stored::<#ty>();)
}

/// Asserts what holds for a stored value: nothing, if it is a recorded table, which is another error.
fn of_stored_values(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let (at, ty) = (place(field), &field.ty);
    let root = path_at(&worker.root, at);
    quote_spanned!(at=> let _ = || #root::__private::Rules::<#ty>::assert_stored_value::<#ty>();)
}

/// Asserts what holds for no recorded table. An error in the word is at the word, and one in the type
/// at the type.
fn of_other_tables(worker: &Worker<'_>, field: &Field<'_>, restored: Restored, word: Span) -> TokenStream {
    let (at, ty) = (word.resolved_at(Span::mixed_site()), &field.ty);
    let root = path_at(&worker.root, at);
    let rules = quote_spanned!(at=> #root::__private::Rules::<#ty>);
    let is_rollback = restored == Restored::BeforeTheMessage;
    let rollback = is_rollback.then(|| quote_spanned!(at=> let _ = || #rules::assert_rollback::<#ty>();));
    let initial =
        starts_as_default(field).then(|| quote_spanned!(at=> let _ = || #rules::assert_initial::<#ty>();));
    quote_spanned!(at=> let _ = || #rules::assert_not_recorded(); #rollback #initial)
}

/// The worker's `where` clause, with bounds that take the rules on these fields for granted.
///
/// ```text
/// where
///     K: Ord,
///     for<'__rule> Vec<u64>: R::__private::RollbackTable,
///     for<'__rule> Limits: R::__private::Arg,
/// ```
pub(super) fn granted<'w, 'a: 'w>(
    worker: &'w Worker<'a>,
    fields: impl Iterator<Item = &'w Field<'a>>,
) -> Option<WhereClause> {
    granted_beside(worker, worker.generics.clone(), fields)
}

/// [`granted`], with further bounds.
pub(super) fn granted_beside<'w, 'a: 'w>(
    worker: &'w Worker<'a>,
    mut generics: Generics,
    fields: impl Iterator<Item = &'w Field<'a>>,
) -> Option<WhereClause> {
    let mut stated = HashSet::new();
    let mut state = |bound: TokenStream| {
        if stated.insert(bound.to_string()) {
            generics.make_where_clause().predicates.push(syn::parse_quote!(for<'__rule> #bound));
        }
    };
    for field in fields.filter(|field| !is_known(worker, field)) {
        // On a type that is not concrete, the bound would hide the table's `Row` and `Reader`.
        if !field.is_concrete && is_recorded(field) {
            continue;
        }
        let (root, ty, rule) = (&worker.root, &field.ty, rule(field));
        state(quote!(#ty: #root::#rule));
        if starts_as_default(field) {
            state(quote!(#ty: #root::__private::Initial));
        }
        if worker.stores_value(field) {
            state(quote!(#ty: #root::store::StoresValue));
        }
    }
    generics.where_clause
}

/// Further bounds, and the bound that the struct is a `Worker`, which stands for all rules,
/// whatever the fields are. This bound hides the trait's associated types, so it states the ones
/// that are used.
///
/// ```text
/// where K: Ord, for<'__rule> Counter<K>: R::by_hand::Worker<Args = __Args<K>>
/// ```
pub(super) fn granted_worker(
    worker: &Worker<'_>,
    mut generics: Generics,
    known: &TokenStream,
) -> Option<WhereClause> {
    let Worker { root, ident, .. } = worker;
    let (_, type_generics, _) = worker.generics.split_for_impl();
    let bound = syn::parse_quote!(for<'__rule> #ident #type_generics: #root::by_hand::Worker #known);
    generics.make_where_clause().predicates.push(bound);
    generics.where_clause
}

/// Whether the name of the field's type tells that the type breaks no rule.
fn is_known(worker: &Worker<'_>, field: &Field<'_>) -> bool {
    match () {
        () if is_recorded(field) => is_plain_table(&field.ty, worker.stores(field)),
        () if worker.stores_value(field) => is_plain_value(&field.ty),
        () => is_plain(&field.ty),
    }
}

fn is_recorded(field: &Field<'_>) -> bool {
    matches!(field.kind, Kind::Table { restored: Restored::ByItsRecord, .. })
}

fn place(field: &Field<'_>) -> Span {
    field.written_ty.span().resolved_at(Span::mixed_site())
}
