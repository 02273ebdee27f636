//! From the model to code. This cannot fail: errors have been reported before. Above each function
//! stands an example of the code that it writes; `R` is the path of the runtime.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::args;
use super::bodies;
use super::handle::{handle, reader_methods, traits};
use super::model::{AfterQuarantine, CrashLoop, WhileDown, Worker};
use super::saved::Saved;
use super::stored::is_kept;
use super::{rules, tables};
use crate::options::{Millis, Slot};
use crate::settings::duration;
use crate::tokens::{alias_params, generated, path_at};
use syn::WhereClause;

/// The code for a worker.
pub(super) fn worker(worker: &Worker<'_>) -> TokenStream {
    let public = public_items(worker);
    let spec = spec(worker, &new_spec(worker));
    let readers = reader_methods(worker);
    let traits = traits(worker);
    let (args, saved) = (args::items(worker), Saved::of(worker).item());
    let rules = rules::asserted(worker);
    let handled = rules::handled(worker);
    let (no_drop, kept) = (no_drop(worker), is_kept(worker));
    let checked = tables::checked(worker);
    let (bodies, configure) = (bodies::all(worker), configure(worker));
    let implementation = worker_impl(worker, rules::of_worker(worker).as_ref(), &quote!(#bodies #configure));
    let allowed = &worker.allowed;
    quote! {
        #public
        #(#allowed)*
        const _: () = {
            #spec
            #traits
            #readers
            #args
            #saved
            #checked
            #rules
            #handled
            #no_drop
            #implementation
            #kept
        };
    }
}

/// The items that the user may name. They stand outside the generated `const`.
pub(super) fn public_items(worker: &Worker<'_>) -> TokenStream {
    let tables = tables::bundle(worker);
    let manager = manager(worker);
    let handle = handle(worker);
    let message = message(worker);
    let args = args::alias(worker);
    quote!(#tables #manager #handle #message #args)
}

/// ```text
/// /// The heir of [`Counter`]'s tables: ..
/// pub type CounterManager<K> = R::by_hand::Manager<Counter<K>>;
/// ```
fn manager(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, vis, ident, generics, allowed, deprecated, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let name = worker.companion("Manager");
    let doc = format!(
        " The heir of [`{ident}`]'s tables: regains them when an incarnation dies, and transfers them to the next."
    );
    let params = alias_params(generics);
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis type #name #params = #root::by_hand::Manager<#ident #type_generics>;
    }
}

/// ```text
/// /// All that a [`Counter`] can be sent: ..
/// pub type CounterMessage<K> = <Counter<K> as R::by_hand::Handlers>::Message;
/// ```
fn message(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, vis, ident, generics, allowed, deprecated, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let name = worker.companion("Message");
    let doc = format!(
        " All that a [`{ident}`] can be sent, as an enum: a handler `add_one` is its variant `AddOne`."
    );
    let params = alias_params(generics);
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis type #name #params = <#ident #type_generics as #root::by_hand::Handlers>::Message;
    }
}

/// ```text
/// impl<K: Key> Counter<K> where K: Ord {
///     /// How to start a [`Counter`]: ..
///     pub fn spec(limits: Limits) -> R::Spec<Self> {
///         R::Spec::new(CounterArgs { limits: limits })
///     }
/// }
/// ```
pub(super) fn spec(worker: &Worker<'_>, body: &TokenStream) -> TokenStream {
    let Worker { root, vis, ident, generics, .. } = worker;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let known = args::args(worker).ty();
    let where_clause = rules::granted_worker(worker, generics.clone(), &quote!(<Args = #known>));
    let doc = spec_doc(worker);
    let params = worker.args().map(|field| generated(field.ident, field.ident.span()));
    let types = worker.args().map(|field| &field.ty);
    quote! {
        impl #impl_generics #ident #type_generics #where_clause {
            #[doc = #doc]
            #vis fn spec(#(#params: #types),*) -> #root::Spec<Self> {
                #body
            }
        }
    }
}

/// `R::Spec::new(CounterArgs { limits: limits })`
fn new_spec(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    let values = worker.args().map(|field| generated(field.ident, field.ident.span()));
    let value = args::args(worker).value(values.map(|ident| quote!(#ident)));
    quote!(#root::Spec::new(#value))
}

fn spec_doc(worker: &Worker<'_>) -> String {
    let args: Vec<String> = worker.args().map(|field| format!("`{}`", field.ident.unraw())).collect();
    let clones = if args.is_empty() {
        String::new()
    } else {
        format!(" Each incarnation gets a clone of {}.", args.join(", "))
    };
    format!(" How to start a [`{}`] under a supervisor.{clones}", worker.ident)
}

/// Nothing without settings: the trait's default changes nothing.
///
/// ```text
/// fn configure(spec: R::Spec<Self, R::supervision::Later>) -> R::Spec<Self, R::supervision::Later> {
///     spec.restart(R::Restart::Transient).mailbox(128)
/// }
/// ```
fn configure(worker: &Worker<'_>) -> Option<TokenStream> {
    let (root, settings) = (&worker.root, settings(worker));
    let spec = Ident::new("spec", Span::mixed_site());
    (!settings.is_empty()).then(|| {
        quote! {
            fn configure(
                #spec: #root::Spec<Self, #root::supervision::Later>,
            ) -> #root::Spec<Self, #root::supervision::Later> {
                #spec #settings
            }
        }
    })
}

/// `.restart(R::Restart::Transient).mailbox(128)`: only the options that are given, as the runtime
/// has the defaults.
fn settings(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    let options = &worker.options;
    let restart = options.restart.value().map(|restart| restart.call(root));
    let shutdown = options.shutdown.value().map(|shutdown| shutdown.call(root));
    let backoff = options.backoff.value().map(|backoff| backoff.call(root));
    let mailbox = options.mailbox.value().map(|capacity| {
        let capacity = proc_macro2::Literal::u16_unsuffixed(*capacity);
        quote!(.mailbox(#capacity))
    });
    let bound = |given: &Slot<Millis>, setter: &TokenStream| {
        let limit = duration(*given.value()?);
        Some(quote!(.#setter(#limit)))
    };
    let start_timeout = bound(&options.start_timeout, &quote!(start_timeout));
    let handler_timeout = bound(&options.handler_timeout, &quote!(handler_timeout));
    let heartbeat = bound(&options.heartbeat, &quote!(heartbeat));
    let crash_loop = options.crash_loop.value().map(|crash_loop| match crash_loop {
        CrashLoop::After(starts) => {
            let starts = proc_macro2::Literal::u32_unsuffixed(*starts);
            quote!(.crash_loop(::core::option::Option::Some(#starts)))
        }
        CrashLoop::Never => quote!(.crash_loop(::core::option::Option::None)),
    });
    let quarantine = options.quarantine.value().map(|after| match after {
        AfterQuarantine::Fresh => quote!(.quarantine(#root::AfterQuarantine::Fresh)),
        AfterQuarantine::Stop => quote!(.quarantine(#root::AfterQuarantine::Stop)),
    });
    let max_quarantined = options.max_quarantined.value().map(|bundles| {
        let bundles = proc_macro2::Literal::u16_unsuffixed(*bundles);
        quote!(.max_quarantined(#bundles))
    });
    let while_down = options.while_down.value().map(|while_down| {
        let variant = match while_down {
            WhileDown::Wait => quote!(Wait),
            WhileDown::WaitFor(limit) => {
                let limit = duration(*limit);
                quote!(WaitFor(#limit))
            }
            WhileDown::Fail => quote!(Fail),
        };
        quote!(.while_down(#root::WhileDown::#variant))
    });
    let on_undelivered = options.on_undelivered.value().map(|hook| quote!(.on_undelivered(#hook)));
    quote! {
        #restart #shutdown #backoff #mailbox #start_timeout #handler_timeout #heartbeat #crash_loop #quarantine
        #max_quarantined #while_down #on_undelivered
    }
}

/// At the span of the struct's name: if the struct implements `Drop`, the error is there.
///
/// ```text
/// impl<K: Key> R::__private::MustNotImplementDrop for Counter<K> where K: Ord {}
/// ```
fn no_drop(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, ident, generics, .. } = worker;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let root = path_at(root, ident.span());
    quote_spanned! {ident.span()=>
        impl #impl_generics #root::__private::MustNotImplementDrop for #ident #type_generics #where_clause {}
    }
}

/// The implementation of `Worker`, around its functions.
///
/// ```text
/// impl<K: Key> R::by_hand::Worker for Counter<K> where K: Ord {
///     const NAME: &'static str = "Counter";
///     type Tables = CounterTables<K>;
///     type Args = CounterArgs;
///     type Saved = (Vec<u64>,);
///     ..
/// }
/// ```
pub(super) fn worker_impl(
    worker: &Worker<'_>,
    where_clause: Option<&WhereClause>,
    bodies: &TokenStream,
) -> TokenStream {
    let Worker { root, ident, generics, .. } = worker;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let name = worker.name();
    let tables = tables::name(worker);
    let tables = rules::checked(worker, &quote!(#tables #type_generics));
    let args = rules::checked(worker, &args::args(worker).ty());
    let registered = worker.options.registered.value().map(|name| {
        quote! {
            const REGISTERED: ::core::option::Option<&'static ::core::primitive::str> =
                ::core::option::Option::Some(#name);
        }
    });
    let saved = rules::checked(worker, &Saved::of(worker).ty());
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::by_hand::Worker for #ident #type_generics #where_clause {
            const NAME: &'static ::core::primitive::str = #name;
            #registered
            type Tables = #tables;
            type Args = #args;
            type Saved = #saved;
            #bodies
        }
    }
}
