//! Stubs beside the errors: the public items, and implementations that only type-check, so that
//! `#[handlers]` and the worker's callers cause no more errors.

use proc_macro2::TokenStream;
use quote::quote;

use super::args;
use super::expand;
use super::handle::{reader_methods, traits};
use super::model::Worker;
use super::saved::Saved;
use super::stored::kept;
use super::{rules, tables};

/// The stubs; nothing if the worker has a lifetime, as its companions could not be written.
///
/// ```text
/// pub struct CounterTables { .. }
/// pub type CounterManager = R::by_hand::Manager<Counter>;
/// pub struct CounterHandle { .. }
/// pub type CounterMessage = <Counter as R::by_hand::Handlers>::Message;
/// const _: () = {
///     impl Counter { pub fn spec(limits: Limits) -> R::Spec<Self> { ::core::unreachable!() } }
///     impl R::by_hand::Worker for Counter { .. }
///     impl R::__private::KeptByAStore for Counter {}
/// };
/// ```
pub(super) fn stubs(worker: &Worker<'_>) -> TokenStream {
    if worker.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    let public = expand::public_items(worker);
    let (args, saved) = (args::items(worker), Saved::of(worker).item());
    let tables = tables::unchecked(worker);
    let (unasserted, granted) = (rules::unasserted(worker), rules::granted(worker, worker.fields.iter()));
    let spec = expand::spec(worker, &quote!(::core::unreachable!()));
    let readers = reader_methods(worker);
    let traits = traits(worker);
    let kept = kept(worker);
    let implementation = expand::worker_impl(worker, granted.as_ref(), &bodies(worker));
    quote! {
        #public
        const _: () = {
            #spec
            #traits
            #readers
            #args
            #saved
            #tables
            #unasserted
            #implementation
            #kept
        };
    }
}

fn bodies(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    quote! {
        async fn create(
            _: Self::Args,
            _: #root::table::Readers,
        ) -> ::core::result::Result<Self::Tables, #root::BoxError> {
            ::core::unreachable!()
        }
        fn incarnate(
            _: Self::Args,
        ) -> impl ::core::ops::FnOnce(Self::Tables) -> Self + ::core::marker::Send + 'static {
            |_: Self::Tables| -> Self { ::core::unreachable!() }
        }
        fn dismantle(self) -> (Self::Tables, impl ::core::marker::Send + 'static) {
            let tables: fn() -> Self::Tables = || ::core::unreachable!();
            (tables(), ())
        }
        fn save(&self) -> Self::Saved {
            ::core::unreachable!()
        }
        fn restore(_: &mut Self::Tables, _: &mut Self::Saved) {}
    }
}
