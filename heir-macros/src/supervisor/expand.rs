//! From the model to code. This cannot fail: errors have been reported before. Above each function
//! stands an example of the code that it writes; `R` is the path of the runtime.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::args;
use super::handle::{field, handle, traits};
use super::model::{Arg, AutoShutdown, Child, From, Strategy, Tree};
use super::rules::{asserted, at_type, checked, granted};
use crate::settings::duration;
use crate::tokens::{generated, path_at};

/// The code for a tree.
pub(super) fn tree(tree: &Tree<'_>) -> TokenStream {
    let (handle, alias) = (handle(tree), args::alias(tree));
    let asserted = asserted(tree);
    let params: Vec<_> = params(tree).collect();
    let functions = functions(tree, &params, &spec(tree), &quote!(Self::spec(#(#params),*).start().await));
    let (traits, args) = (traits(tree), args::items(tree));
    let child = child_impls(tree, &plan(tree));
    let allowed = &tree.allowed;
    quote! {
        #handle
        #alias
        #(#allowed)*
        const _: () = {
            #asserted
            #functions
            #traits
            #args
            #child
        };
    }
}

/// The names of the arguments of `spec` and `start`.
fn params(tree: &Tree<'_>) -> impl Iterator<Item = TokenStream> {
    tree.args().map(|(name, _)| generated(name, name.span())).map(|name| quote!(#name))
}

/// The functions `spec` and `start`.
///
/// ```text
/// impl App where for<'__rule> Counter: R::supervision::Child {
///     /// The tree [`App`], ..
///     pub fn spec(limits: Limits) -> R::SupervisorBuilder<AppHandle> { .. }
///     /// Starts the tree [`App`], ..
///     pub async fn start(limits: Limits)
///         -> ::core::result::Result<R::Supervisor<AppHandle>, R::StartError>
///     {
///         Self::spec(limits).start().await
///     }
/// }
/// ```
pub(super) fn functions(
    tree: &Tree<'_>,
    params: &[TokenStream],
    spec: &TokenStream,
    start: &TokenStream,
) -> TokenStream {
    let Tree { root, vis, ident, generics, .. } = tree;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = granted(tree);
    let handle = tree.handle();
    let types: Vec<_> = tree.args().map(|(_, ty)| ty).collect();
    let arguments = arguments_doc(tree);
    let spec_doc =
        format!(" The tree [`{ident}`], to start it or make it a subtree of another one.{arguments}");
    let start_doc = format!(
        " Starts the tree [`{ident}`], each child after the one before is up; dropping what this returns stops it.{arguments}"
    );
    quote! {
        impl #impl_generics #ident #type_generics #where_clause {
            #[doc = #spec_doc]
            #vis fn spec(#(#params: #types),*) -> #root::SupervisorBuilder<#handle #type_generics> {
                #spec
            }
            #[doc = #start_doc]
            ///
            /// Dropping the future stops the children that have been started.
            ///
            /// # Errors
            /// Which child did not start, and why.
            #vis async fn start(
                #(#params: #types),*
            ) -> ::core::result::Result<#root::Supervisor<#handle #type_generics>, #root::StartError> {
                #start
            }
        }
    }
}

/// `` Takes `limits` and `path` for `hits`, `size` for `type`.``
fn arguments_doc(tree: &Tree<'_>) -> String {
    let taken = args::taken(tree);
    if taken.is_empty() { taken } else { format!(" Takes {taken}.") }
}

/// `R::SupervisorBuilder::with(<Self as R::supervision::Child>::plan(), AppArgs { limits: limits })`
fn spec(tree: &Tree<'_>) -> TokenStream {
    let root = &tree.root;
    let plan = quote!(<Self as #root::supervision::Child>::plan());
    if tree.args().next().is_none() {
        return plan;
    }
    let args = args::args(tree).value(params(tree));
    quote!(#root::SupervisorBuilder::with(#plan, #args))
}

/// The children are reserved first, so that each can be given the handles of the others.
///
/// ```text
/// let mut tree = R::Supervisor::builder("App").strategy(R::Strategy::OneForAll).intensity(5);
/// let counter = tree.reserve(<__Checked<Counter> as R::supervision::Child>::plan().name("counter"));
/// let io = tree.reserve(<__Checked<Io> as R::supervision::Child>::plan().name("io"));
/// let (counter_handle, io_handle) = (counter.handle(), io.handle());
/// tree.declared_later(
///     |supervisor| AppHandle {
///         counter: counter_handle,
///         io: io_handle,
///         __supervisor: supervisor,
///     },
///     move |tree, handle: &AppHandle, AppArgs { limits, .. }: AppArgs| { .. },
/// )
/// ```
fn plan(tree: &Tree<'_>) -> TokenStream {
    let Tree { root, children, generics, .. } = tree;
    let (_, type_generics, _) = generics.split_for_impl();
    let name = tree.name();
    let settings = settings(tree);
    let [local, handle, supervisor] =
        ["tree", "handle", "supervisor"].map(|name| Ident::new(name, Span::mixed_site()));
    let reserved = children.iter().map(|child| {
        let (reserved, plan) = (reserved(child), child_plan(tree, child));
        let handle = handle_local(child);
        quote! {
            let #reserved = #local.reserve(#plan);
            let #handle = #reserved.handle();
        }
    });
    let handle_type = tree.handle();
    let handles = children.iter().map(|child| {
        let (ident, local) = (field(child), handle_local(child));
        quote!(#ident: #local,)
    });
    let (args, args_type) = (args::pattern(tree), args::args(tree).ty());
    let filled = children.iter().map(|child| fill(tree, child, &local, &handle));
    quote! {
        let mut #local = #root::Supervisor::builder(#name) #settings;
        #(#reserved)*
        #local.declared_later(
            |#supervisor| #handle_type { #(#handles)* __supervisor: #supervisor },
            move |#local, #handle: &#handle_type #type_generics, #args: #args_type| {
                #(#filled)*
            },
        )
    }
}

/// Gives a child its arguments.
///
/// ```text
/// tree.fill(counter, __ArgsOf::<__Checked<Counter>> {
///     limits: limits,
///     io: ::core::clone::Clone::clone(&handle.io.reader),
/// });
/// tree.fill(io, <__Checked<Io> as R::supervision::NoArgs>::none());
/// ```
fn fill(tree: &Tree<'_>, child: &Child<'_>, local: &Ident, handle: &Ident) -> TokenStream {
    let (place, ty, reserved) = (at_type(child), checked(child), reserved(child));
    let root = path_at(&tree.root, place);
    let none = quote_spanned!(place=> #local.fill(#reserved, <#ty as #root::supervision::NoArgs>::none()););
    if let Some(function) = child.options.each.value() {
        let each = each(tree, child, function, handle);
        return quote!(#each #none);
    }
    if child.args().is_empty() {
        return none;
    }
    let values = child.args().iter().map(|arg| {
        let (name, value) = (&arg.name, value(arg, handle));
        quote!(#name: #value,)
    });
    let name = Ident::new("__ArgsOf", place.resolved_at(Span::call_site()));
    let args = quote_spanned!(place=> #name::<#ty>);
    quote!(#local.fill(#reserved, #args { #(#values)* });)
}

/// `limits`, or `::core::clone::Clone::clone(&handle.io.reader)`
fn value(arg: &Arg, handle: &Ident) -> TokenStream {
    match &arg.from {
        From::Caller(name, _) => generated(name, name.span()).to_token_stream(),
        From::Tree(path) => {
            let place = path.first().map_or_else(Span::mixed_site, Ident::span);
            let mut handle = handle.clone();
            handle.set_span(place.resolved_at(Span::mixed_site()));
            quote_spanned!(place.resolved_at(Span::mixed_site())=> ::core::clone::Clone::clone(&#handle #(.#path)*))
        }
    }
}

/// The function makes a worker's spec of its key and clones of the arguments.
///
/// ```text
/// R::__private::each(&handle.sessions, {
///     let limits = limits;
///     let io = ::core::clone::Clone::clone(&handle.io);
///     move |key| session(key, ::core::clone::Clone::clone(&limits), ::core::clone::Clone::clone(&io))
/// });
/// ```
fn each(tree: &Tree<'_>, child: &Child<'_>, function: &Path, handle: &Ident) -> TokenStream {
    let at_key =
        child.options.each.key_span().unwrap_or_else(Span::call_site).resolved_at(Span::mixed_site());
    let at_path = function.span().resolved_at(Span::mixed_site());
    let (root, field) = (path_at(&tree.root, at_key), field(child));
    let (key, mut handle_there) = (Ident::new("key", at_path), handle.clone());
    handle_there.set_span(at_key);
    let locals: Vec<_> = child
        .args()
        .iter()
        .map(|arg| generated(&arg.name, arg.name.span().resolved_at(Span::mixed_site())))
        .collect();
    let values = child.args().iter().map(|arg| value(arg, handle));
    let clones = locals.iter().map(|local| quote_spanned!(at_path=> ::core::clone::Clone::clone(&#local)));
    let make = quote_spanned!(at_path=> move |#key| #function(#key, #(#clones),*));
    quote_spanned! {at_key=>
        #root::__private::each(&#handle_there.#field, {
            #(let #locals = #values;)*
            #make
        });
    }
}

/// `.strategy(R::Strategy::OneForAll).intensity(5)`: only the options that are given, as the
/// runtime has the defaults.
fn settings(tree: &Tree<'_>) -> TokenStream {
    let Tree { root, options, .. } = tree;
    let strategy = options.strategy.value().map(|strategy| {
        let variant = match strategy {
            Strategy::OneForOne => quote!(OneForOne),
            Strategy::OneForAll => quote!(OneForAll),
            Strategy::RestForOne => quote!(RestForOne),
        };
        quote!(.strategy(#root::Strategy::#variant))
    });
    let intensity = options.intensity.value().map(|restarts| {
        let restarts = Literal::u32_unsuffixed(*restarts);
        quote!(.intensity(#restarts))
    });
    let period = options.period.value().map(|period| {
        let period = duration(*period);
        quote!(.period(#period))
    });
    let auto_shutdown = options.auto_shutdown.value().map(|auto_shutdown| {
        let variant = match auto_shutdown {
            AutoShutdown::Never => quote!(Never),
            AutoShutdown::AnySignificant => quote!(AnySignificant),
            AutoShutdown::AllSignificant => quote!(AllSignificant),
        };
        quote!(.auto_shutdown(#root::supervision::AutoShutdown::#variant))
    });
    quote!(#strategy #intensity #period #auto_shutdown)
}

/// `<__Checked<Counter> as R::supervision::Child>::plan().name("counter").restart(R::Restart::Transient)`
///
/// Options that only some children have stand around it, as in `R::__private::intensity(.., 5)`: if
/// the child has not this option, the error is at the key.
fn child_plan(tree: &Tree<'_>, child: &Child<'_>) -> TokenStream {
    let (place, ty, options) = (at_type(child), checked(child), &child.options);
    let root = path_at(&tree.root, place);
    let plan = quote_spanned!(place=> <#ty as #root::supervision::Child>::plan());
    let name = child.name();
    let restart = options.restart.value().map(|restart| restart.call(&tree.root));
    let shutdown = options.shutdown.value().map(|shutdown| shutdown.call(&tree.root));
    let significant = options.significant.value().map(|()| quote!(.significant(true)));
    let backoff = options.backoff.value().map(|backoff| backoff.call(&tree.root));
    let plan = quote!(#plan.name(#name) #restart #shutdown #significant #backoff);
    let of_some = [
        (options.registered.key_span(), "registered", options.registered.value().map(|name| quote!(#name))),
        (
            options.intensity.key_span(),
            "intensity",
            options.intensity.value().map(|restarts| {
                let restarts = Literal::u32_unsuffixed(*restarts);
                quote!(#restarts)
            }),
        ),
        (options.period.key_span(), "period", options.period.value().map(|period| duration(*period))),
        (options.escalate.key_span(), "escalate", options.escalate.value().map(|()| quote!())),
        (
            options.max_given_up.key_span(),
            "max_given_up",
            options.max_given_up.value().map(|keys| {
                let keys = Literal::u16_unsuffixed(*keys);
                quote!(#keys)
            }),
        ),
    ];
    of_some.into_iter().fold(plan, |plan, (key, setter, value)| {
        let (Some(key), Some(value)) = (key, value) else { return plan };
        let key = key.resolved_at(Span::mixed_site());
        let (root, setter) = (path_at(&tree.root, key), Ident::new(setter, key));
        let setter = quote_spanned!(key=> #root::__private::#setter);
        quote!(#setter(#plan, #value))
    })
}

/// The macro's local variable for a child's handle. Its suffix keeps it apart from the arguments.
fn handle_local(child: &Child<'_>) -> Ident {
    format_ident!("{}_handle", child.ident.unraw(), span = at_type(child))
}

/// The macro's local variable for a child that has not its arguments yet.
fn reserved(child: &Child<'_>) -> Ident {
    format_ident!("{}_reserved", child.ident.unraw(), span = at_type(child))
}

/// No value of the struct is ever made; `__read` reads its fields, so that they are not dead code.
///
/// ```text
/// impl R::supervision::Child for App where for<'__rule> Counter: R::supervision::Child {
///     type Handle = AppHandle;
///     type Args = AppArgs;
///     type Plan = R::SupervisorBuilder<AppHandle, AppArgs>;
///     fn plan() -> Self::Plan { .. }
///     fn __read(&self) {
///         let _ = (&self.counter, &self.io,);
///     }
/// }
/// impl R::supervision::NoArgs for App where for<'__rule> Counter: R::supervision::Child {
///     fn none() {}
/// }
/// ```
/// `NoArgs` only for a tree without arguments.
pub(super) fn child_impls(tree: &Tree<'_>, plan: &TokenStream) -> TokenStream {
    let Tree { root, ident, generics, children, .. } = tree;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = granted(tree);
    let (handle, args) = (tree.handle(), args::args(tree).ty());
    let fields = children.iter().map(field);
    let no_args = tree.args().next().is_none().then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #root::supervision::NoArgs for #ident #type_generics #where_clause {
                fn none() {}
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::supervision::Child for #ident #type_generics #where_clause {
            type Handle = #handle #type_generics;
            type Args = #args;
            type Plan = #root::SupervisorBuilder<#handle #type_generics, #args>;
            fn plan() -> Self::Plan {
                #plan
            }
            fn __read(&self) {
                let _ = (#(&self.#fields,)*);
            }
        }
        #no_args
    }
}
