//! The functions of the `Worker` implementation. Above each function stands an example of the code
//! that it writes.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::args;
use super::model::{Field, Kind, Restored, Worker};
use super::recorded::recorded;
use super::rules::{self, checked, checked_field};
use super::saved::Saved;
use super::stored::{loaded_or, stored_tables, values_of};
use super::tables;
use crate::editions;
use crate::tokens::path_at;

/// All functions, in the order of the trait.
pub(super) fn all(worker: &Worker<'_>) -> TokenStream {
    let (recorded, stored) = (recorded_tables(worker), stored_tables(worker));
    let (create, incarnate) = (create(worker), incarnate(worker));
    let (dismantle, save, restore) = (dismantle(worker), save(worker), restore(worker));
    quote!(#recorded #stored #create #incarnate #dismantle #save #restore)
}

/// ```text
/// const TABLE_NAMES: &'static [&'static ::core::primitive::str] = &["hits"];
/// fn readers() -> R::table::Readers {
///     ::core::convert::From::from([R::table::rows_first::<Table<K, u64>>()])
/// }
/// const ALL_RECORDED: ::core::primitive::bool = true;
/// fn recorded(tables: &mut Self::Tables) -> R::table::AnyTables<'_> {
///     ::core::convert::From::from([R::table::any::<Table<K, u64>>(&mut tables.hits)])
/// }
/// fn commit(&mut self, commit: R::table::Commit<'_>) {
///     R::table::Commit::all(commit, &mut [R::table::any::<Table<K, u64>>(&mut self.hits)]);
/// }
/// ```
/// With `rollback` fields whose values are stored
/// ```text
/// fn readers() -> R::table::Readers {
///     R::store::with_values(::core::convert::From::from([..]), &["total"])
/// }
/// fn commit(&mut self, commit: R::table::Commit<'_>) {
///     R::store::commit(commit, &mut [..], &[R::store::value::<u64>("total", &mut self.total)]);
/// }
/// ```
/// Nothing without either: the trait's defaults do nothing.
fn recorded_tables(worker: &Worker<'_>) -> Option<TokenStream> {
    if worker.recorded().next().is_none() {
        worker.values().next()?;
    }
    let root = &worker.root;
    let tables = Ident::new("tables", Span::mixed_site());
    let names = worker.recorded().map(|field| field.ident.unraw().to_string());
    let firsts = worker.recorded().map(|field| {
        let (ty, table) = (checked_field(worker, field), table_module(worker, field));
        quote!(#table::rows_first::<#ty>())
    });
    let each = worker.recorded().map(|field| {
        let (ident, ty) = (field.ident, checked_field(worker, field));
        let table = table_module(worker, field);
        quote!(#table::any::<#ty>(&mut #tables.#ident))
    });
    let commit = Ident::new("commit", Span::mixed_site());
    let written = worker.recorded().map(|field| {
        let (ident, ty) = (field.ident, checked_field(worker, field));
        let table = table_module(worker, field);
        quote!(#table::any::<#ty>(&mut self.#ident))
    });
    let written = quote!(&mut [#(#written),*]);
    let (mut readers, mut committed) = (
        quote!(::core::convert::From::from([#(#firsts),*])),
        quote!(#root::table::Commit::all(#commit, #written);),
    );
    if worker.values().next().is_some() {
        let fields = worker.values().map(|field| field.ident.unraw().to_string());
        readers = quote!(#root::store::with_values(#readers, &[#(#fields),*]));
        let values = values_of(worker, &quote!(self));
        committed = quote!(#root::store::commit(#commit, #written, &#values););
    }
    let all = worker.tables().count() == worker.recorded().count();
    let all_recorded = all.then(|| {
        quote!(
            const ALL_RECORDED: ::core::primitive::bool = true;
        )
    });
    let recorded = worker.recorded().next().map(|_| {
        quote! {
            fn recorded(#tables: &mut Self::Tables) -> #root::table::AnyTables<'_> {
                ::core::convert::From::from([#(#each),*])
            }
        }
    });
    let names = recorded
        .as_ref()
        .map(|_| quote!(const TABLE_NAMES: &'static [&'static ::core::primitive::str] = &[#(#names),*];));
    Some(quote! {
        #all_recorded
        #names
        fn readers() -> #root::table::Readers {
            #readers
        }
        #recorded
        fn commit(&mut self, #commit: #root::table::Commit<'_>) {
            #committed
        }
    })
}

/// For a worker that has an `init`. Each table has a statement of its own, so that what its
/// initialiser borrows is given back before the next initialiser awaits. The initialisers see the
/// arguments under their fields' names, but not the tables, which are the macro's locals.
///
/// ```text
/// async fn create(
///     args: Self::Args,
///     readers: R::table::Readers,
/// ) -> ::core::result::Result<Self::Tables, R::BoxError> {
///     let CounterArgs { limits, .. } = args;
///     let _ = (&limits,);
///     let mut hits: Table<K, u64> = readers.open::<Table<K, u64>>(0);
///     <Table<K, u64> as R::table::Recorded>::fill(&mut hits, limits.known());
///     let counts: HashMap<K, u64> = <HashMap<K, u64> as ::core::default::Default>::default();
///     let queue: Vec<u64> = vec![1];
///     ::core::result::Result::Ok(CounterTables { hits: hits, counts: counts, queue: queue })
/// }
/// ```
fn create(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    if !worker.tables().any(|field| matches!(field.kind, Kind::Table { init: Some(_), .. })) {
        return create_at_once(worker);
    }
    let args_local = Ident::new("args", Span::mixed_site());
    let readers = Ident::new("readers", Span::mixed_site());
    let idents: Vec<_> = worker.args().map(|field| field.ident).collect();
    let unpacked = args::unpacked(worker, &args_local);
    let pattern = if idents.is_empty() { quote!(_) } else { quote!(#args_local) };
    let in_scope = unpacked.map(|unpacked| quote!(#unpacked let _ = (#(&#idents,)*);));
    let readers_pattern = readers_pattern(worker, &readers);
    let locals = worker.tables().map(|field| created(worker, field, &readers));
    let values = worker.tables().map(|field| {
        let (ident, local) = (field.ident, local(field));
        quote!(#ident: #local)
    });
    let bundle = tables::value(worker, &quote!(#(#values),*));
    quote! {
        async fn create(
            #pattern: Self::Args,
            #readers_pattern: #root::table::Readers,
        ) -> ::core::result::Result<Self::Tables, #root::BoxError> {
            #in_scope
            #(#locals)*
            ::core::result::Result::Ok(#bundle)
        }
    }
}

/// ```text
/// fn create(
///     _: Self::Args,
///     readers: R::table::Readers,
/// ) -> impl ::core::future::Future<
///     Output = ::core::result::Result<Self::Tables, R::BoxError>,
/// > + ::core::marker::Send {
///     ::core::future::ready(::core::result::Result::Ok(CounterTables {
///         hits: readers.open::<Table<K, u64>>(0),
///         counts: <HashMap<K, u64> as ::core::default::Default>::default(),
///     }))
/// }
/// ```
fn create_at_once(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    let readers = Ident::new("readers", Span::mixed_site());
    let values = worker.tables().map(|field| {
        let (ident, value) = (field.ident, first_value(worker, field, &readers));
        quote!(#ident: #value)
    });
    let bundle = tables::value(worker, &quote!(#(#values),*));
    let result = rules::is_checked(worker).then(|| quote!(::<Self::Tables, _>));
    let readers = readers_pattern(worker, &readers);
    quote! {
        fn create(
            _: Self::Args,
            #readers: #root::table::Readers,
        ) -> impl ::core::future::Future<Output = ::core::result::Result<Self::Tables, #root::BoxError>>
            + ::core::marker::Send
        {
            ::core::future::ready(::core::result::Result #result ::Ok(#bundle))
        }
    }
}

fn readers_pattern(worker: &Worker<'_>, readers: &Ident) -> TokenStream {
    let is_read = worker.recorded().next().is_some() || worker.values().next().is_some();
    if is_read { quote!(#readers) } else { quote!(_) }
}

/// The statements that create one table. The first rows of a stored table are for one that is new.
///
/// ```text
/// let mut hits: Table<K, u64> = readers.open::<Table<K, u64>>(0);
/// if readers.is_new(0) {
///     <Table<K, u64> as R::table::Recorded>::fill(&mut hits, limits.known());
/// }
/// ```
fn created(worker: &Worker<'_>, field: &Field<'_>, readers: &Ident) -> TokenStream {
    let (local, ty) = (local(field), checked_field(worker, field));
    let Kind::Table { restored, init, .. } = &field.kind else { return TokenStream::new() };
    let first = first_value(worker, field, readers);
    match init {
        None => quote!(let #local: #ty = #first;),
        Some(rows) if *restored == Restored::ByItsRecord => {
            let recorded = recorded(worker, field);
            let fill = quote!(#recorded::fill(&mut #local, #rows););
            let fill = match place(worker, field).filter(|_| worker.stores(field)) {
                Some(place) => quote!(if #readers.is_new(#place) { #fill }),
                None => fill,
            };
            quote!(let mut #local: #ty = #first; #fill)
        }
        Some(value) if worker.stores_value(field) => {
            let value = loaded_or(worker, field, readers, value);
            quote!(let #local: #ty = #value;)
        }
        Some(value) => quote!(let #local: #ty = #value;),
    }
}

/// A table before its `init`: without rows, or its `Default`.
fn first_value(worker: &Worker<'_>, field: &Field<'_>, readers: &Ident) -> TokenStream {
    let Some(place) = place(worker, field) else {
        let first = default_value(worker, field);
        let is_loaded = worker.stores_value(field);
        return if is_loaded { loaded_or(worker, field, readers, &first) } else { first };
    };
    let ty = checked_field(worker, field);
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    quote_spanned!(span=> #readers.open::<#ty>(#place))
}

/// The place of a field among the recorded tables.
fn place(worker: &Worker<'_>, field: &Field<'_>) -> Option<Literal> {
    let place = worker.recorded().position(|recorded| recorded.ident == field.ident);
    place.map(Literal::usize_unsuffixed)
}

/// The runtime's module of tables, at the span of a field's type.
fn table_module(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    let root = path_at(&worker.root, span);
    quote_spanned!(span=> #root::table)
}

/// User code runs before the closure is returned. The closure, which gets the tables, only moves.
///
/// ```text
/// fn incarnate(args: Self::Args)
///     -> impl ::core::ops::FnOnce(Self::Tables) -> Self + ::core::marker::Send + 'static
/// {
///     let CounterArgs { limits, .. } = args;
///     let cache: Cache = Cache::new(limits.max);
///     let scratch: Vec<u8> = <Vec<u8> as ::core::default::Default>::default();
///     move |tables| Self { counts: tables.counts, limits: limits, cache: cache, .. }
/// }
/// ```
fn incarnate(worker: &Worker<'_>) -> TokenStream {
    let args_local = Ident::new("args", Span::mixed_site());
    let tables_local = Ident::new("tables", Span::mixed_site());
    let in_scope = args::unpacked(worker, &args_local);
    let pattern = if in_scope.is_none() { quote!(_) } else { quote!(#args_local) };
    let locals = worker.fresh().map(|(field, with)| {
        let (local, ty) = (local(field), checked_field(worker, field));
        let value = with.cloned().unwrap_or_else(|| default_value(worker, field));
        quote!(let #local: #ty = #value;)
    });
    let values = worker.fields.iter().map(|field| {
        let ident = field.ident;
        match field.kind {
            Kind::Table { .. } => quote!(#ident: #tables_local.#ident),
            Kind::Arg => quote!(#ident),
            Kind::Fresh { .. } => {
                let local = local(field);
                quote!(#ident: #local)
            }
        }
    });
    quote! {
        fn incarnate(
            #pattern: Self::Args,
        ) -> impl ::core::ops::FnOnce(Self::Tables) -> Self + ::core::marker::Send + 'static {
            #in_scope
            #(#locals)*
            move |#tables_local: Self::Tables| Self { #(#values),* }
        }
    }
}

/// Only moves.
///
/// ```text
/// fn dismantle(self) -> (Self::Tables, impl ::core::marker::Send + 'static) {
///     let rest: __Checked<(Limits, Cache, Vec<u8>,)> = (self.limits, self.cache, self.scratch,);
///     (CounterTables { counts: self.counts, queue: self.queue }, rest)
/// }
/// ```
/// The type of the rest is named only if rules are asserted on it.
fn dismantle(worker: &Worker<'_>) -> TokenStream {
    let moved = worker.tables().map(|field| field.ident).map(|ident| quote!(#ident: self.#ident));
    let bundle = tables::value(worker, &quote!(#(#moved),*));
    let rest = worker.rest().map(|field| field.ident);
    let rest = quote!((#(self.#rest,)*));
    let types = worker.rest().map(|field| &field.ty);
    let checked = rules::is_checked(worker).then(|| checked(worker, &quote!((#(#types,)*))));
    let local = Ident::new("rest", Span::mixed_site());
    let (named, rest) = match checked {
        Some(ty) => (Some(quote!(let #local: #ty = #rest;)), quote!(#local)),
        None => (None, rest),
    };
    quote! {
        fn dismantle(self) -> (Self::Tables, impl ::core::marker::Send + 'static) {
            #named
            (#bundle, #rest)
        }
    }
}

/// ```text
/// fn save(&self) -> Self::Saved {
///     (<Vec<u64> as ::core::clone::Clone>::clone(&self.queue),)
/// }
/// ```
fn save(worker: &Worker<'_>) -> TokenStream {
    let clones = worker.rollbacks().map(|field| {
        let (ident, ty) = (field.ident, checked_field(worker, field));
        quote!(<#ty as ::core::clone::Clone>::clone(&self.#ident))
    });
    let saved = worker.rollbacks().next().map(|_| Saved::of(worker).value(clones));
    quote! {
        fn save(&self) -> Self::Saved {
            #saved
        }
    }
}

/// Only swaps: no user code runs, not even a `Drop`.
///
/// ```text
/// fn restore(tables: &mut Self::Tables, saved: &mut Self::Saved) {
///     ::core::mem::swap(&mut tables.queue, &mut saved.0);
/// }
/// ```
fn restore(worker: &Worker<'_>) -> TokenStream {
    if worker.rollbacks().next().is_none() {
        return quote!(
            fn restore(_: &mut Self::Tables, _: &mut Self::Saved) {}
        );
    }
    let tables = Ident::new("tables", Span::mixed_site());
    let saved = Ident::new("saved", Span::mixed_site());
    let saved_tables = Saved::of(worker);
    let swaps = saved_tables
        .members()
        .map(|(ident, member)| quote!(::core::mem::swap(&mut #tables.#ident, &mut #saved.#member);));
    quote! {
        fn restore(#tables: &mut Self::Tables, #saved: &mut Self::Saved) {
            #(#swaps)*
        }
    }
}

/// The macro's local variable for a field, which the user's expressions cannot see.
fn local(field: &Field<'_>) -> Ident {
    editions::moved(field.ident, Span::mixed_site())
}

/// The type's `Default`, at the span of the type: if there is none, the error is there.
fn default_value(worker: &Worker<'_>, field: &Field<'_>) -> TokenStream {
    let ty = checked_field(worker, field);
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    quote_spanned!(span=> <#ty as ::core::default::Default>::default())
}
