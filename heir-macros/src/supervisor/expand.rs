//! From the model to code. This cannot fail: errors have been reported before. Above each function
//! stands an example of the code that it writes; `R` is the path of the runtime.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use super::handle::{field, handle, traits};
use super::model::{AutoShutdown, Child, Strategy, Tree};
use super::rules::{asserted, at_type, checked, granted};
use crate::settings::duration;
use crate::tokens::{generated, path_at};

/// The code for a tree.
pub(super) fn tree(tree: &Tree<'_>) -> TokenStream {
    let handle = handle(tree);
    let asserted = asserted(tree);
    let params: Vec<_> = params(tree).collect();
    let functions = functions(tree, &params, &spec(tree), &quote!(Self::spec(#(#params),*).start().await));
    let traits = traits(tree);
    let child = child_impls(tree);
    let allowed = &tree.allowed;
    quote! {
        #handle
        #(#allowed)*
        const _: () = {
            #asserted
            #functions
            #traits
            #child
        };
    }
}

/// The names of the arguments of `spec` and `start`.
fn params(tree: &Tree<'_>) -> impl Iterator<Item = TokenStream> {
    tree.args().map(|arg| generated(&arg.name, arg.name.span())).map(|name| quote!(#name))
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
    let types: Vec<_> = tree.args().map(|arg| &arg.ty).collect();
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
    let taking = tree.children.iter().filter(|child| !child.args().is_empty());
    let taken: Vec<String> = taking
        .map(|child| {
            let args: Vec<String> =
                child.args().iter().map(|arg| format!("`{}`", arg.name.unraw())).collect();
            format!("{} for `{}`", args.join(" and "), child.name())
        })
        .collect();
    if taken.is_empty() { String::new() } else { format!(" Takes {}.", taken.join(", ")) }
}

/// ```text
/// let mut tree = R::Supervisor::builder("App").strategy(R::Strategy::OneForAll).intensity(5);
/// let counter_handle = tree.child(<__Checked<Counter>>::spec(limits).name("counter"));
/// let io_handle = tree.child(<__Checked<Io> as R::supervision::NoArgs>::spec().name("io"));
/// tree.declared(|supervisor| AppHandle {
///     counter: counter_handle,
///     io: io_handle,
///     __supervisor: supervisor,
/// })
/// ```
fn spec(tree: &Tree<'_>) -> TokenStream {
    let Tree { root, children, .. } = tree;
    let name = tree.name();
    let settings = settings(tree);
    let local = Ident::new("tree", Span::mixed_site());
    let supervisor = Ident::new("supervisor", Span::mixed_site());
    let planted = children.iter().map(|child| {
        let (handle, spec) = (handle_local(child), child_spec(tree, child));
        quote!(let #handle = #local.child(#spec);)
    });
    let handle = tree.handle();
    let handles = children.iter().map(|child| {
        let (ident, local) = (field(child), handle_local(child));
        quote!(#ident: #local,)
    });
    quote! {
        let mut #local = #root::Supervisor::builder(#name) #settings;
        #(#planted)*
        #local.declared(|#supervisor| #handle { #(#handles)* __supervisor: #supervisor })
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

/// `<__Checked<Counter>>::spec(limits).name("counter").restart(R::Restart::Transient)`
fn child_spec(tree: &Tree<'_>, child: &Child<'_>) -> TokenStream {
    let (place, ty, options) = (at_type(child), checked(child), &child.options);
    let root = path_at(&tree.root, place);
    let spec = if child.args().is_empty() {
        quote_spanned!(place=> <#ty as #root::supervision::NoArgs>::spec())
    } else {
        let args = child.args().iter().map(|arg| generated(&arg.name, arg.name.span()));
        quote_spanned!(place=> <#ty>::spec(#(#args),*))
    };
    let name = child.name();
    let restart = options.restart.value().map(|restart| restart.call(&tree.root));
    let shutdown = options.shutdown.value().map(|shutdown| shutdown.call(&tree.root));
    let significant = options.significant.value().map(|()| quote!(.significant(true)));
    let backoff = options.backoff.value().map(|backoff| backoff.call(&tree.root));
    quote!(#spec.name(#name) #restart #shutdown #significant #backoff)
}

/// The macro's local variable for a child's handle. Its suffix keeps it apart from the arguments.
fn handle_local(child: &Child<'_>) -> Ident {
    format_ident!("{}_handle", child.ident.unraw(), span = at_type(child))
}

/// No value of the struct is ever made; `__read` reads its fields, so that they are not dead code.
///
/// ```text
/// impl R::supervision::Child for App where for<'__rule> Counter: R::supervision::Child {
///     type Handle = AppHandle;
///     type Spec = R::SupervisorBuilder<AppHandle>;
///     fn __read(&self) {
///         let _ = (&self.counter, &self.io,);
///     }
/// }
/// impl R::supervision::NoArgs for App where for<'__rule> Counter: R::supervision::Child {
///     fn spec() -> Self::Spec {
///         Self::spec()
///     }
/// }
/// ```
/// `NoArgs` only for a tree without arguments.
pub(super) fn child_impls(tree: &Tree<'_>) -> TokenStream {
    let Tree { root, ident, generics, children, .. } = tree;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = granted(tree);
    let handle = tree.handle();
    let fields = children.iter().map(field);
    let no_args = tree.args().next().is_none().then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #root::supervision::NoArgs for #ident #type_generics #where_clause {
                fn spec() -> Self::Spec {
                    Self::spec()
                }
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::supervision::Child for #ident #type_generics #where_clause {
            type Handle = #handle #type_generics;
            type Spec = #root::SupervisorBuilder<#handle #type_generics>;
            fn __read(&self) {
                let _ = (#(&self.#fields,)*);
            }
        }
        #no_args
    }
}
