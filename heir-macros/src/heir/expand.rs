//! From the model to code. Infallible: every error has been reported before. Above each function stands an example of
//! what it writes; `R` is the runtime's path.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::bodies;
use super::carried::{carried_items, carried_type, carried_value};
use super::handle::{handle, reader_methods, traits};
use super::model::{AfterQuarantine, CrashLoop, Field, Restart, Shutdown, WhileDown, Worker};
use super::rules;
use crate::options::Millis;
use crate::tokens::{generated, phantom};

/// All that is generated for a worker.
pub(super) fn worker(worker: &Worker<'_>) -> TokenStream {
    let public = public_items(worker);
    let spec = spec(worker, &new_spec(worker));
    let readers = reader_methods(worker);
    let traits = traits(worker);
    let carried = carried_items(worker);
    let rules = rules::asserted(worker);
    let handled = rules::handled(worker);
    let no_drop = no_drop(worker);
    let implementation = worker_impl(worker, &bodies::all(worker));
    let allowed = &worker.allowed;
    quote! {
        #public
        #(#allowed)*
        const _: () = {
            #spec
            #traits
            #readers
            #carried
            #rules
            #handled
            #no_drop
            #implementation
        };
    }
}

/// What the user may name, outside the `const`.
pub(super) fn public_items(worker: &Worker<'_>) -> TokenStream {
    let tables = tables(worker);
    let manager = manager(worker);
    let handle = handle(worker);
    quote!(#tables #manager #handle)
}

/// ```text
/// /// The tables of [`Counter`], together: they outlive each incarnation of it.
/// pub struct CounterTables<K: Key> where K: Ord {
///     /// The field's docs.
///     pub counts: HashMap<K, u64>,
///     queue: Vec<u64>,
/// }
/// ```
fn tables(worker: &Worker<'_>) -> TokenStream {
    let Worker { vis, ident, generics, allowed, deprecated, .. } = worker;
    let name = worker.companion("Tables");
    let where_clause = &generics.where_clause;
    let doc = format!(" The tables of [`{ident}`], together: they outlive each incarnation of it.");
    let fields = worker.tables().map(|Field { ident, vis, docs, ty, .. }| {
        let ident = generated(ident, ident.span());
        quote!(#(#docs)* #vis #ident: #ty,)
    });
    let types: TokenStream = worker.tables().map(|field| field.ty.clone()).collect();
    let unused = phantom(generics, &types).map(|ty| quote!(#[doc(hidden)] __unused: #ty,));
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis struct #name #generics #where_clause { #(#fields)* #unused }
    }
}

/// ```text
/// /// The heir of [`Counter`]'s tables: ..
/// pub type CounterManager<K> = R::Manager<Counter<K>>;
/// ```
fn manager(worker: &Worker<'_>) -> TokenStream {
    let Worker { root, vis, ident, generics, allowed, deprecated, .. } = worker;
    let (_, type_generics, _) = generics.split_for_impl();
    let name = worker.companion("Manager");
    let doc = format!(
        " The heir of [`{ident}`]'s tables: regains them when an incarnation dies, and transfers them to the next."
    );
    // Bounds on a type alias are not checked, and linted against.
    let params = generics.params.iter().filter_map(|param| match param {
        syn::GenericParam::Type(param) => {
            let (ident, default) = (&param.ident, default_of(param.default.as_ref()));
            Some(quote!(#ident #default))
        }
        syn::GenericParam::Const(param) => {
            let (ident, ty, default) = (&param.ident, &param.ty, default_of(param.default.as_ref()));
            Some(quote!(const #ident: #ty #default))
        }
        syn::GenericParam::Lifetime(_) => None,
    });
    let params = (!generics.params.is_empty()).then(|| quote!(<#(#params),*>));
    quote! {
        #[doc = #doc]
        #(#allowed)* #(#deprecated)*
        #vis type #name #params = #root::Manager<#ident #type_generics>;
    }
}

fn default_of<T: quote::ToTokens>(default: Option<&(syn::Token![=], T)>) -> Option<TokenStream> {
    default.map(|(equals, value)| quote!(#equals #value))
}

/// ```text
/// impl<K: Key> Counter<K> where K: Ord {
///     /// How to start a [`Counter`]: ..
///     pub fn spec(limits: Limits) -> R::Spec<Self> {
///         R::Spec::new(__Args { limits }).restart(R::Restart::Transient).mailbox(128)
///     }
/// }
/// ```
pub(super) fn spec(worker: &Worker<'_>, body: &TokenStream) -> TokenStream {
    let Worker { root, vis, ident, generics, .. } = worker;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let known = carried_type(worker, "__Args", worker.args().next().is_some());
    let where_clause = rules::granted_worker(worker, generics.clone(), &quote!(<Args = #known>));
    let doc = spec_doc(worker);
    let args = worker.args().map(|field| generated(field.ident, field.ident.span()));
    let types = worker.args().map(|field| &field.ty);
    quote! {
        impl #impl_generics #ident #type_generics #where_clause {
            #[doc = #doc]
            #vis fn spec(#(#args: #types),*) -> #root::Spec<Self> {
                #body
            }
        }
    }
}

/// `R::Spec::new(__Args { limits })` and the settings.
fn new_spec(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    let args: Vec<_> = worker.args().map(|field| field.ident).collect();
    let values = args.iter().map(|ident| generated(ident, ident.span()));
    let value = carried_value(worker, "__Args", &args, &quote!(#(#values),*));
    let settings = settings(worker);
    quote!(#root::Spec::new(#value) #settings)
}

fn spec_doc(worker: &Worker<'_>) -> String {
    let args: Vec<String> = worker.args().map(|field| format!("`{}`", field.ident)).collect();
    let clones = if args.is_empty() {
        String::new()
    } else {
        format!(" Each incarnation gets a clone of {}.", args.join(", "))
    };
    format!(" How to start a [`{}`] under a supervisor.{clones}", worker.ident)
}

/// `.restart(R::Restart::Transient).mailbox(128)`: only what is given, the runtime has the defaults.
fn settings(worker: &Worker<'_>) -> TokenStream {
    let root = &worker.root;
    let options = &worker.options;
    let restart = options.restart.value().map(|restart| {
        let variant = match restart {
            Restart::Permanent => quote!(Permanent),
            Restart::Transient => quote!(Transient),
            Restart::Temporary => quote!(Temporary),
        };
        quote!(.restart(#root::Restart::#variant))
    });
    let shutdown = options.shutdown.value().map(|shutdown| match shutdown {
        Shutdown::BrutalKill => quote!(.shutdown(#root::Shutdown::BrutalKill)),
        Shutdown::Within(limit) => {
            let limit = duration(*limit);
            quote!(.shutdown(#root::Shutdown::Timeout(#limit)))
        }
    });
    let mailbox = options.mailbox.value().map(|capacity| {
        let capacity = proc_macro2::Literal::u16_unsuffixed(*capacity);
        quote!(.mailbox(#capacity))
    });
    let start_timeout = options.start_timeout.value().map(|limit| {
        let limit = duration(*limit);
        quote!(.start_timeout(#limit))
    });
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
    quote!(#restart #shutdown #mailbox #start_timeout #crash_loop #quarantine #while_down #on_undelivered)
}

fn duration(Millis(millis): Millis) -> TokenStream {
    let (constructor, number) =
        if millis % 1000 == 0 { (quote!(from_secs), millis / 1000) } else { (quote!(from_millis), millis) };
    let number = proc_macro2::Literal::u64_unsuffixed(number);
    quote!(::core::time::Duration::#constructor(#number))
}

/// A worker with a `Drop` would run it when it is taken apart, where no user code may run: its two implementations of
/// this trait conflict, at the struct's name.
///
/// ```text
/// trait __MustNotImplementDrop {}
/// impl<T: ::core::ops::Drop> __MustNotImplementDrop for T {}
/// impl<K: Key> __MustNotImplementDrop for Counter<K> where K: Ord {}
/// ```
fn no_drop(worker: &Worker<'_>) -> TokenStream {
    let Worker { ident, generics, .. } = worker;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote_spanned! {ident.span()=>
        trait __MustNotImplementDrop {}
        impl<T: ::core::ops::Drop> __MustNotImplementDrop for T {}
        impl #impl_generics __MustNotImplementDrop for #ident #type_generics #where_clause {}
    }
}

/// The implementation around the functions.
///
/// ```text
/// impl<K: Key> R::Worker for Counter<K> where K: Ord {
///     const NAME: &'static str = "Counter";
///     type Tables = CounterTables<K>;
///     type Args = __Args<K>;
///     type Saved = __Saved<K>;
///     type Readers = __Readers<K>;
///     ..
/// }
/// ```
pub(super) fn worker_impl(worker: &Worker<'_>, bodies: &[TokenStream]) -> TokenStream {
    let Worker { root, ident, generics, .. } = worker;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = rules::granted(worker, worker.fields.iter());
    let name = worker.name();
    let tables = worker.companion("Tables");
    let args = carried_type(worker, "__Args", worker.args().next().is_some());
    let saved = carried_type(worker, "__Saved", worker.rollbacks().next().is_some());
    let readers = carried_type(worker, "__Readers", worker.recorded().next().is_some());
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::Worker for #ident #type_generics #where_clause {
            const NAME: &'static str = #name;
            type Tables = #tables #type_generics;
            type Args = #args;
            type Saved = #saved;
            type Readers = #readers;
            #(#bodies)*
        }
    }
}
