//! The functions of the `Worker` implementation. Above each stands an example of what it writes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::carried::carried_value;
use super::model::{Field, Kind, Restored, Worker};
use super::recorded::recorded;
use super::tables;

/// In the order of the trait.
pub(super) fn all(worker: &Worker<'_>) -> [TokenStream; 8] {
    [
        readers(worker),
        readers_of(worker),
        create(worker),
        incarnate(worker),
        dismantle(worker),
        save(worker),
        restore(worker),
        commit_and_undo(worker),
    ]
}

/// ```text
/// fn readers() -> Self::Readers {
///     __Readers { hits: <Table<K, u64> as R::table::Recorded>::reader_first() }
/// }
/// ```
fn readers(worker: &Worker<'_>) -> TokenStream {
    let fields: Vec<_> = worker.recorded().map(|field| field.ident).collect();
    if fields.is_empty() {
        return quote!(
            fn readers() -> Self::Readers {}
        );
    }
    let values = worker.recorded().map(|field| {
        let (ident, recorded) = (field.ident, recorded(worker, field));
        quote!(#ident: #recorded::reader_first())
    });
    let readers = carried_value(worker, "__Readers", &fields, &quote!(#(#values),*));
    quote! {
        fn readers() -> Self::Readers {
            #readers
        }
    }
}

/// ```text
/// fn readers_of(tables: &Self::Tables) -> Self::Readers {
///     __Readers { hits: <Table<K, u64> as R::table::Recorded>::reader(&tables.hits) }
/// }
/// ```
fn readers_of(worker: &Worker<'_>) -> TokenStream {
    let fields: Vec<_> = worker.recorded().map(|field| field.ident).collect();
    if fields.is_empty() {
        return quote!(
            fn readers_of(_: &Self::Tables) -> Self::Readers {}
        );
    }
    let tables = Ident::new("tables", Span::mixed_site());
    let values = worker.recorded().map(|field| {
        let (ident, recorded) = (field.ident, recorded(worker, field));
        quote!(#ident: #recorded::reader(&#tables.#ident))
    });
    let readers = carried_value(worker, "__Readers", &fields, &quote!(#(#values),*));
    quote! {
        fn readers_of(#tables: &Self::Tables) -> Self::Readers {
            #readers
        }
    }
}

/// One statement a table, so that what an initialiser borrows ends before the next one awaits. The arguments are in
/// scope under their fields' names; the tables, being the macro's locals, are not.
///
/// ```text
/// async fn create(
///     args: Self::Args,
///     readers: Self::Readers,
/// ) -> ::core::result::Result<Self::Tables, R::BoxError> {
///     let __Args { limits, .. } = args;
///     let _ = (&limits,);
///     let mut hits: Table<K, u64> = <Table<K, u64> as R::table::Recorded>::open(&readers.hits);
///     <Table<K, u64> as R::table::Recorded>::fill(&mut hits, limits.known());
///     let counts: HashMap<K, u64> = <HashMap<K, u64> as ::core::default::Default>::default();
///     let queue: Vec<u64> = vec![1];
///     ::core::result::Result::Ok(CounterTables { hits: hits, counts: counts, queue: queue })
/// }
/// ```
fn create(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    let args_local = Ident::new("args", Span::mixed_site());
    let readers_local = Ident::new("readers", Span::mixed_site());
    let has_init = worker.tables().any(|field| matches!(field.kind, Kind::Table { init: Some(_), .. }));
    let args: Vec<_> = worker.args().map(|field| field.ident).collect();
    let (pattern, in_scope) = if has_init && !args.is_empty() {
        let unpacked = quote!(let __Args { #(#args,)* .. } = #args_local; let _ = (#(&#args,)*););
        (quote!(#args_local), Some(unpacked))
    } else {
        (quote!(_), None)
    };
    let readers_pattern = if worker.recorded().next().is_some() { quote!(#readers_local) } else { quote!(_) };
    let locals = worker.tables().map(|field| created(worker, field, &readers_local));
    let values = worker.tables().map(|field| {
        let (ident, local) = (field.ident, local(field));
        quote!(#ident: #local)
    });
    let bundle = tables::value(worker, &quote!(#(#values),*));
    quote! {
        async fn create(
            #pattern: Self::Args,
            #readers_pattern: Self::Readers,
        ) -> ::core::result::Result<Self::Tables, #root::BoxError> {
            #in_scope
            #(#locals)*
            ::core::result::Result::Ok(#bundle)
        }
    }
}

/// The statements that make one table.
fn created(worker: &Worker<'_>, field: &Field<'_>, readers: &Ident) -> TokenStream {
    let (ident, local, ty) = (field.ident, local(field), &field.ty);
    let Kind::Table { restored, init } = &field.kind else { return TokenStream::new() };
    if *restored == Restored::ByItsRecord {
        let recorded = recorded(worker, field);
        let mutable = init.as_ref().map(|_| quote!(mut));
        let filled = init.as_ref().map(|rows| quote!(#recorded::fill(&mut #local, #rows);));
        return quote!(let #mutable #local: #ty = #recorded::open(&#readers.#ident); #filled);
    }
    let value = init.clone().unwrap_or_else(|| default_value(field));
    quote!(let #local: #ty = #value;)
}

/// User code runs first, before the tables are touched; the closure only moves.
///
/// ```text
/// fn incarnate(args: Self::Args)
///     -> impl ::core::ops::FnOnce(Self::Tables) -> Self + ::core::marker::Send + 'static
/// {
///     let __Args { limits, .. } = args;
///     let cache: Cache = Cache::new(limits.max);
///     let scratch: Vec<u8> = <Vec<u8> as ::core::default::Default>::default();
///     move |tables| Self { counts: tables.counts, queue: tables.queue, limits: limits, cache: cache, .. }
/// }
/// ```
fn incarnate(worker: &Worker<'_>) -> TokenStream {
    let args_local = Ident::new("args", Span::mixed_site());
    let tables_local = Ident::new("tables", Span::mixed_site());
    let args: Vec<_> = worker.args().map(|field| field.ident).collect();
    let (pattern, in_scope) = if args.is_empty() {
        (quote!(_), None)
    } else {
        (quote!(#args_local), Some(quote!(let __Args { #(#args,)* .. } = #args_local;)))
    };
    let locals = worker.fresh().map(|(field, with)| {
        let (local, ty) = (local(field), &field.ty);
        let value = with.cloned().unwrap_or_else(|| default_value(field));
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

/// Moves only.
///
/// ```text
/// fn dismantle(self) -> (Self::Tables, impl ::core::marker::Send + 'static) {
///     (CounterTables { counts: self.counts, queue: self.queue }, (self.limits, self.cache, self.scratch,))
/// }
/// ```
fn dismantle(worker: &Worker<'_>) -> TokenStream {
    let moved = worker.tables().map(|field| field.ident).map(|ident| quote!(#ident: self.#ident));
    let bundle = tables::value(worker, &quote!(#(#moved),*));
    let rest = worker.rest().map(|field| field.ident);
    quote! {
        fn dismantle(self) -> (Self::Tables, impl ::core::marker::Send + 'static) {
            (#bundle, (#(self.#rest,)*))
        }
    }
}

/// ```text
/// fn save(&self) -> Self::Saved {
///     __Saved { queue: <Vec<u64> as ::core::clone::Clone>::clone(&self.queue) }
/// }
/// ```
fn save(worker: &Worker<'_>) -> TokenStream {
    let fields: Vec<_> = worker.rollbacks().map(|field| field.ident).collect();
    if fields.is_empty() {
        return quote!(
            fn save(&self) -> Self::Saved {}
        );
    }
    let types = worker.rollbacks().map(|field| &field.ty);
    let values = quote!(#(#fields: <#types as ::core::clone::Clone>::clone(&self.#fields)),*);
    let saved = carried_value(worker, "__Saved", &fields, &values);
    quote! {
        fn save(&self) -> Self::Saved {
            #saved
        }
    }
}

/// Swaps only: no user code runs, not even a `Drop`.
///
/// ```text
/// fn restore(tables: &mut Self::Tables, saved: &mut Self::Saved) {
///     ::core::mem::swap(&mut tables.queue, &mut saved.queue);
/// }
/// ```
fn restore(worker: &Worker<'_>) -> TokenStream {
    let fields: Vec<_> = worker.rollbacks().map(|field| field.ident).collect();
    if fields.is_empty() {
        return quote!(
            fn restore(_: &mut Self::Tables, _: &mut Self::Saved) {}
        );
    }
    let tables = Ident::new("tables", Span::mixed_site());
    let saved = Ident::new("saved", Span::mixed_site());
    quote! {
        fn restore(#tables: &mut Self::Tables, #saved: &mut Self::Saved) {
            #(::core::mem::swap(&mut #tables.#fields, &mut #saved.#fields);)*
        }
    }
}

/// Nothing without recorded tables: the trait's own do nothing.
///
/// ```text
/// fn commit(&mut self) {
///     <Table<K, u64> as R::table::Recorded>::commit(&mut self.hits);
/// }
/// fn commit_tables(tables: &mut Self::Tables) {
///     <Table<K, u64> as R::table::Recorded>::commit(&mut tables.hits);
/// }
/// fn undo(tables: &mut Self::Tables) {
///     <Table<K, u64> as R::table::Recorded>::rollback(&mut tables.hits);
/// }
/// fn replace(tables: &mut Self::Tables, new: &mut Self::Tables) {
///     <Table<K, u64> as R::table::Recorded>::adopt(&mut tables.hits, &new.hits);
///     ::core::mem::swap(&mut tables.queue, &mut new.queue);
/// }
/// ```
fn commit_and_undo(worker: &Worker<'_>) -> TokenStream {
    if worker.recorded().next().is_none() {
        return TokenStream::new();
    }
    let tables = Ident::new("tables", Span::mixed_site());
    let fields: Vec<_> = worker.recorded().map(|field| field.ident).collect();
    let recorded: Vec<_> = worker.recorded().map(|field| recorded(worker, field)).collect();
    let new = Ident::new("new", Span::mixed_site());
    let others = worker
        .tables()
        .filter(|field| !matches!(field.kind, Kind::Table { restored: Restored::ByItsRecord, .. }))
        .map(|field| field.ident);
    quote! {
        fn commit(&mut self) {
            #(#recorded::commit(&mut self.#fields);)*
        }
        fn commit_tables(#tables: &mut Self::Tables) {
            #(#recorded::commit(&mut #tables.#fields);)*
        }
        fn undo(#tables: &mut Self::Tables) {
            #(#recorded::rollback(&mut #tables.#fields);)*
        }
        fn replace(#tables: &mut Self::Tables, #new: &mut Self::Tables) {
            #(#recorded::adopt(&mut #tables.#fields, &#new.#fields);)*
            #(::core::mem::swap(&mut #tables.#others, &mut #new.#others);)*
        }
    }
}

/// The macro's local for a field: the user's expressions cannot see it.
fn local(field: &Field<'_>) -> Ident {
    let mut local = field.ident.clone();
    local.set_span(Span::mixed_site());
    local
}

/// The type's `Default`, reported at the type when there is none.
fn default_value(field: &Field<'_>) -> TokenStream {
    let ty = &field.ty;
    let span = field.written_ty.span().resolved_at(Span::mixed_site());
    quote_spanned!(span=> <#ty as ::core::default::Default>::default())
}
