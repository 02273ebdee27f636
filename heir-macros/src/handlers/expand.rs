//! From the model to code. This cannot fail: errors have been reported before. Above each function
//! stands an example of the code that it writes; `R` is the path of the runtime.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use super::model::{Event, Every, Handler, Handlers, Hook, HookParam, Kind, Missed, Param};
use super::names::try_name;
use super::rules;
use crate::settings::duration;
use crate::tokens::{generated, path_at};

/// The code for the handlers of a worker.
pub(super) fn handlers(handlers: &Handlers) -> TokenStream {
    let message = message(handlers);
    let message_impl = message_impl(handlers);
    let rules = rules::asserted(handlers);
    let (import, sent) = sent(handlers);
    let implementation = implementation(handlers, &sent);
    let methods = methods(handlers);
    let allowed = &handlers.allowed;
    quote! {
        #(#allowed)*
        const _: () = {
            #message
            #message_impl
            #import
            #rules
            #implementation
            #methods
        };
    }
}

fn has_phantom(handlers: &Handlers) -> bool {
    handlers.generics.type_params().next().is_some()
}

/// The last variant mentions the type parameters. It cannot be made, as one of its fields has a
/// type without values.
///
/// ```text
/// pub enum __Message<K: Key> where K: Ord {
///     Count(R::by_hand::Call<(String, u64), u64>),
///     Die(R::by_hand::Cast<()>),
///     __Never(::core::convert::Infallible, ::core::marker::PhantomData<fn(&K)>),
/// }
/// ```
fn message(handlers: &Handlers) -> TokenStream {
    let Handlers { root, generics, messages, .. } = handlers;
    let where_clause = &generics.where_clause;
    let variants = messages.iter().map(|handler| {
        let Handler { cfgs, variant, kind, .. } = handler;
        let args = args_type(handler);
        match kind {
            Kind::Call { reply, .. } => quote!(#(#cfgs)* #variant(#root::by_hand::Call<#args, #reply>),),
            Kind::Cast => quote!(#(#cfgs)* #variant(#root::by_hand::Cast<#args>),),
        }
    });
    let params = generics.type_params().map(|param| &param.ident);
    let never = has_phantom(handlers).then(
        || quote!(__Never(::core::convert::Infallible, ::core::marker::PhantomData<fn(#(&#params),*)>)),
    );
    quote!(pub enum __Message #generics #where_clause { #(#variants)* #never })
}

/// `(String, u64)`
fn args_type(handler: &Handler) -> TokenStream {
    let types = handler.values().map(|(_, ty)| ty);
    quote!((#(#types,)*))
}

/// ```text
/// impl<K: Key> R::by_hand::Message for __Message<K> where K: Ord {
///     fn gate(&mut self) -> &mut dyn R::by_hand::ReplyGate {
///         match *self {
///             Self::Count(ref mut message) => message,
///             Self::Die(ref mut message) => message,
///         }
///     }
///     fn name(&self) -> &'static ::core::primitive::str {
///         match *self {
///             Self::Count(_) => "count",
///             Self::Die(_) => "die",
///         }
///     }
/// }
/// ```
/// With `#[reply(early)]` also
/// ```text
/// fn replies_early(&self) -> ::core::primitive::bool {
///     match *self {
///         Self::Count(_) => true,
///         Self::Die(_) => false,
///     }
/// }
/// ```
fn message_impl(handlers: &Handlers) -> TokenStream {
    let Handlers { root, generics, messages, .. } = handlers;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let where_clause = rules::of_message(handlers);
    let local = Ident::new("message", Span::mixed_site());
    let arms = messages
        .iter()
        .map(|Handler { cfgs, variant, .. }| quote!(#(#cfgs)* Self::#variant(ref mut #local) => #local,));
    let names = messages.iter().map(|Handler { cfgs, variant, ident, .. }| {
        let name = ident.unraw().to_string();
        quote!(#(#cfgs)* Self::#variant(_) => #name,)
    });
    let never = has_phantom(handlers).then(|| quote!(Self::__Never(#local, _) => match #local {},));
    let early = messages.iter().any(|handler| handler.early.is_some()).then(|| {
        let arms = messages.iter().map(|Handler { cfgs, variant, early, .. }| {
            let is_early = early.is_some();
            quote!(#(#cfgs)* Self::#variant(_) => #is_early,)
        });
        quote! {
            fn replies_early(&self) -> ::core::primitive::bool {
                match *self { #(#arms)* #never }
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::by_hand::Message for __Message #type_generics #where_clause {
            fn gate(&mut self) -> &mut dyn #root::by_hand::ReplyGate {
                match *self { #(#arms)* #never }
            }
            fn name(&self) -> &'static ::core::primitive::str {
                match *self { #(#names)* #never }
            }
            #early
        }
    }
}

/// ```text
/// impl<K: Key> R::by_hand::Handlers for Counter<K> where K: Ord {
///     type Message = __Message<K>;
///     type Handle = CounterHandle<K>;
///     async fn handle(&mut self, message: &mut Self::Message, cx: &mut R::Context<Self>) {
///         match *message { .. }
///     }
///     ..
/// }
/// ```
fn implementation(handlers: &Handlers, sent: &TokenStream) -> TokenStream {
    let Handlers { root, generics, self_ty, handle, messages, hooks, .. } = handlers;
    let (impl_generics, _, _) = generics.split_for_impl();
    let where_clause = rules::of_worker(handlers);
    let checked = rules::message_type(handlers);
    let message = Ident::new("message", Span::mixed_site());
    let uses_context = messages.iter().any(|handler| handler.cfgs.is_empty() && handler.needs_context());
    let cx = context_local(uses_context);
    let arms = messages.iter().map(|handler| arm(sent, handler, &cx));
    let never = has_phantom(handlers).then(|| quote!(__Message::__Never(never, _) => match never {},));
    let hooks = hooks.iter().map(|hook| hook_method(root, sent, hook));
    let ticks = ticks(handlers);
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::by_hand::Handlers for #self_ty #where_clause {
            type Message = #checked;
            type Handle = #handle;
            #ticks
            async fn handle(&mut self, #message: &mut Self::Message, #cx: &mut #root::Context<Self>) {
                match *#message { #(#arms)* #never }
            }
            #(#hooks)*
        }
    }
}

/// ```text
/// const TICKS: &'static [R::by_hand::Tick<Self::Message>] = &[
///     R::by_hand::Tick::every(::core::time::Duration::from_secs(1), R::Missed::Skip, __Message::Sweep),
/// ];
/// ```
/// With `#[redeliver(3)]` also `.redeliver(3)`.
fn ticks(handlers: &Handlers) -> Option<TokenStream> {
    let Handlers { root, messages, .. } = handlers;
    let ticks: Vec<_> = messages
        .iter()
        .filter_map(|Handler { cfgs, variant, redeliver, every, .. }| {
            let Every { period, missed } = (*every)?;
            let period = duration(period);
            let missed = match missed {
                Missed::Skip => quote!(Skip),
                Missed::CatchUp => quote!(CatchUp),
            };
            let redeliver = redeliver.map(|times| {
                let times = proc_macro2::Literal::u32_unsuffixed(times);
                quote!(.redeliver(#times))
            });
            Some(quote! {
                #(#cfgs)*
                #root::by_hand::Tick::every(#period, #root::Missed::#missed, __Message::#variant) #redeliver
            })
        })
        .collect();
    (!ticks.is_empty())
        .then(|| quote!(const TICKS: &'static [#root::by_hand::Tick<Self::Message>] = &[#(#ticks),*];))
}

/// The macro's local variable for the context.
fn context_local(used: bool) -> Ident {
    Ident::new(if used { "cx" } else { "_cx" }, Span::mixed_site())
}

/// The arguments stay in their tuple, so that their names cannot clash with the macro's.
///
/// ```text
/// __Message::Count(ref mut message) => {
///     let args = message.take_args();
///     message.keep(__sent(Self::count(self, cx, args.0, args.1)).await);
/// }
/// __Message::Die(ref mut message) => {
///     message.take_args();
///     Self::die(self);
/// }
/// __Message::LookUp(ref mut message) => {
///     let args = message.take_args();
///     let reply = message.reply_later(cx);
///     Self::look_up(self, args.0, reply);
/// }
/// ```
fn arm(sent: &TokenStream, handler: &Handler, cx: &Ident) -> TokenStream {
    let Handler { cfgs, variant, params, kind, .. } = handler;
    let message = Ident::new("message", Span::mixed_site());
    let args = Ident::new("args", Span::mixed_site());
    let mut position = 0..;
    let passed = params.iter().map(|param| match param {
        Param::Context => cx.to_token_stream(),
        Param::Value { .. } => {
            let index = proc_macro2::Literal::usize_unsuffixed(position.next().unwrap_or_default());
            quote!(#args.#index)
        }
        // At the span of the argument's type: if that is another type of the same name, the error
        // is there.
        Param::Reply(written) => {
            Ident::new("reply", written.resolved_at(Span::mixed_site())).into_token_stream()
        }
    });
    let passed = std::iter::once(quote!(self)).chain(passed);
    let called = called(sent, handler.ident.span(), &handler.ident, handler.is_async, passed);
    let taken = handler.values().next().map(|_| quote!(let #args =));
    let reply = params.iter().find_map(|param| match param {
        Param::Reply(_) => {
            let reply = Ident::new("reply", Span::mixed_site());
            let taken = if handler.early.is_some() { quote!(reply_early) } else { quote!(reply_later) };
            Some(quote!(let #reply = #message.#taken(#cx);))
        }
        Param::Context | Param::Value { .. } => None,
    });
    let served = match kind {
        Kind::Call { .. } if reply.is_none() => quote!(#message.keep(#called)),
        Kind::Call { .. } | Kind::Cast => called,
    };
    quote! {
        #(#cfgs)* __Message::#variant(ref mut #message) => {
            #taken #message.take_args();
            #reply
            #served;
        }
    }
}

/// `use R::__private::sent as __sent;`, and the name for it. If every async method is under a
/// `cfg`, the import might be unused: then there is none, and the name is the full path.
fn sent(handlers: &Handlers) -> (Option<TokenStream>, TokenStream) {
    let Handlers { root, messages, hooks, .. } = handlers;
    let is_used = messages.iter().any(|handler| handler.is_async && handler.cfgs.is_empty())
        || hooks.iter().any(|hook| hook.is_async && hook.cfgs.is_empty());
    if is_used {
        (Some(quote!(use #root::__private::sent as __sent;)), quote!(__sent))
    } else {
        (None, quote!(#root::__private::sent))
    }
}

/// `__sent(Self::count(self, cx, args.0)).await`, with the span of the user's method.
fn called(
    sent: &TokenStream,
    place: Span,
    ident: &Ident,
    is_async: bool,
    passed: impl Iterator<Item = TokenStream>,
) -> TokenStream {
    let place = place.resolved_at(Span::call_site());
    let call = quote_spanned!(place=> Self::#ident(#(#passed),*));
    if !is_async {
        return call;
    }
    let sent: TokenStream = sent
        .clone()
        .into_iter()
        .map(|mut token| {
            token.set_span(place);
            token
        })
        .collect();
    quote_spanned!(place=> #sent(#call).await)
}

/// ```text
/// async fn on_transfer(&mut self, info: &R::estate::TransferInfo, cx: &mut R::Context<Self>)
///     -> ::core::result::Result<(), R::BoxError>
/// {
///     R::__private::HookOutcome::into_result(__sent(Self::arrived(self, info)).await)
/// }
/// ```
/// With `#[on(exit)]` also
/// ```text
/// const TRAPS_EXITS: bool = true;
/// ```
/// With `#[on(verify)]`; without the first statement, unless it takes an `&Exit`
/// ```text
/// fn verify(tables: &mut Self::Tables, examined: &R::estate::Examined) -> R::Verdict {
///     let ::core::option::Option::Some(info) = R::estate::Examined::exit(examined) else {
///         return R::Verdict::Accept;
///     };
///     Self::check(tables, info)
/// }
/// ```
fn hook_method(root: &syn::Path, sent: &TokenStream, hook: &Hook) -> TokenStream {
    let Hook { cfgs, ident, is_async, event, params, outcome } = hook;
    let takes = |wanted| params.iter().any(|(param, _)| *param == wanted);
    let cx = context_local(takes(HookParam::Context));
    let info = Ident::new(if takes(HookParam::Info) { "info" } else { "_info" }, Span::mixed_site());
    let tables = Ident::new("tables", Span::mixed_site());
    let of_an_exit = takes(HookParam::Info);
    let is_asked = of_an_exit || takes(HookParam::Examined);
    let examined = Ident::new(if is_asked { "examined" } else { "_examined" }, Span::mixed_site());
    // At the span of the argument's type: if that is another type of the same name, the error is
    // there.
    let passed = params.iter().map(|(param, written)| {
        let mut local = match param {
            HookParam::Context => cx.clone(),
            HookParam::Info => info.clone(),
            HookParam::Tables => tables.clone(),
            HookParam::Examined => examined.clone(),
        };
        local.set_span(written.resolved_at(Span::mixed_site()));
        local.into_token_stream()
    });
    let receiver = (*event != Event::Verify).then(|| quote!(self));
    let called = called(sent, *outcome, ident, *is_async, receiver.into_iter().chain(passed));
    let place = outcome.resolved_at(Span::mixed_site());
    let root_there = path_at(root, place);
    let into_result = quote_spanned!(place=> #root_there::__private::HookOutcome::into_result);
    let verdict = quote_spanned!(place=> #root_there::Verdict);
    let outcome = quote!(::core::result::Result<(), #root::BoxError>);
    let fallible = quote!(#into_result(#called));
    match event {
        Event::Start => quote! {
            #(#cfgs)* async fn on_start(&mut self, #cx: &mut #root::Context<Self>) -> #outcome { #fallible }
        },
        Event::Transfer => quote! {
            #(#cfgs)* async fn on_transfer(
                &mut self,
                #info: &#root::estate::TransferInfo,
                #cx: &mut #root::Context<Self>,
            ) -> #outcome { #fallible }
        },
        Event::Stop => quote! {
            #(#cfgs)* async fn on_stop(&mut self, #info: &#root::ExitReason, #cx: &mut #root::Context<Self>) {
                #called;
            }
        },
        Event::Exit => quote! {
            #(#cfgs)* const TRAPS_EXITS: ::core::primitive::bool = true;
            #(#cfgs)* async fn on_exit(
                &mut self,
                #info: &#root::links::ExitSignal,
                #cx: &mut #root::Context<Self>,
            ) -> #outcome { #fallible }
        },
        Event::Down => quote! {
            #(#cfgs)* async fn on_down(
                &mut self,
                #info: &#root::links::Down,
                #cx: &mut #root::Context<Self>,
            ) -> #outcome { #fallible }
        },
        Event::Verify => {
            let only_then = of_an_exit.then(|| {
                quote! {
                    let ::core::option::Option::Some(#info) = #root::estate::Examined::exit(#examined) else {
                        return #root::Verdict::Accept;
                    };
                }
            });
            quote! {
                #(#cfgs)* fn verify(
                    #tables: &mut Self::Tables,
                    #examined: &#root::estate::Examined,
                ) -> #verdict {
                    #only_then
                    #called
                }
            }
        }
    }
}

/// ```text
/// impl<K: Key> CounterHandle<K> where K: Ord { .. }
/// ```
fn methods(handlers: &Handlers) -> TokenStream {
    let Handlers { root, generics, self_ty, handle, messages, .. } = handlers;
    let sent: Vec<_> = messages.iter().filter(|handler| handler.every.is_none()).collect();
    if sent.is_empty() {
        return TokenStream::new();
    }
    let (impl_generics, _, _) = generics.split_for_impl();
    let where_clause = rules::of_handle(handlers);
    let methods = sent.into_iter().map(|handler| handle_methods(root, self_ty, handler));
    quote!(impl #impl_generics #handle #where_clause { #(#methods)* })
}

/// These are no `async fn`s: what they return is a value, to be awaited or sent with a commit.
///
/// ```text
/// /// The handler's docs.
/// ///
/// /// If the future is dropped before the message is queued, nothing is sent; ..
/// pub fn count(
///     &self,
///     key: String,
///     by: u64,
/// ) -> R::by_hand::CallRequest<'_, Counter, (String, u64,), u64> {
///     self.__handle.call((key, by,), __Message::Count)
/// }
/// /// Like [`count`](Self::count), but fails at once when the mailbox is full.
/// pub fn try_count(..) -> .. {
///     self.__handle.try_call((key, by,), __Message::Count)
/// }
/// ```
/// For a cast, `try_die` returns no future, as it does not wait. With `#[redeliver(3)]`:
///
/// ```text
/// pub fn store(..) -> .. where for<'__rule> Row: R::__private::Again {
///     self.__handle.call(R::by_hand::MessageArgs::redeliver((row,), 3), __Message::Store)
/// }
/// ```
fn handle_methods(root: &syn::Path, self_ty: &TokenStream, handler: &Handler) -> TokenStream {
    let Handler { cfgs, docs, deprecated, vis, variant, kind, redeliver, .. } = handler;
    let ident = generated(&handler.ident, handler.ident.span());
    let try_ident = try_name(&handler.ident);
    let (names, types): (Vec<_>, Vec<_>) = handler.values().unzip();
    let args_ty = args_type(handler);
    let dropped = when_dropped(kind);
    let docs = if docs.is_empty() {
        default_docs(handler, dropped)
    } else {
        let dropped = format!(" {dropped}");
        quote!(#(#docs)* #[doc = ""] #[doc = #dropped])
    };
    let try_doc = format!(
        " Like [`{0}`](Self::{0}), but fails at once when the mailbox is full.",
        handler.ident.unraw()
    );
    let head = quote!(#(#cfgs)* #(#deprecated)* #vis);
    // At the span of the handler's name: if a recorded table has the name, too, the error is there.
    let place = ident.span();
    let root_there = path_at(root, place);
    let (method, try_method) = (quote_spanned!(place=> fn #ident), quote_spanned!(place=> fn #try_ident));
    let (call, output, try_output) = match kind {
        Kind::Call { reply, .. } => {
            let request = quote_spanned!(place=> #root_there::by_hand::CallRequest);
            let output = quote_spanned!(place=> #request<'_, #self_ty, #args_ty, #reply>);
            ("call", output.clone(), output)
        }
        Kind::Cast => {
            let request = quote_spanned!(place=> #root_there::by_hand::CastRequest);
            let output = quote_spanned!(place=> #request<'_, #self_ty, #args_ty>);
            ("cast", output, quote_spanned!(place=> #root_there::CastResult<#args_ty>))
        }
    };
    let (call, try_call) = (format_ident!("{call}"), format_ident!("try_{call}"));
    let args = quote!((#(#names,)*));
    let args = match redeliver {
        None => args,
        Some(times) => {
            let times = proc_macro2::Literal::u32_unsuffixed(*times);
            quote!(#root::by_hand::MessageArgs::redeliver(#args, #times))
        }
    };
    let bounds = rules::of_redelivery(root, handler);
    quote! {
        #docs
        #head #method(&self #(, #names: #types)*) -> #output #bounds {
            self.__handle.#call(#args, __Message::#variant)
        }
        #[doc = #try_doc]
        #head #try_method(&self #(, #names: #types)*) -> #try_output #bounds {
            self.__handle.#try_call(#args, __Message::#variant)
        }
    }
}

/// What the docs of a handle's method say of a future that is dropped. After docs of the user it is
/// a paragraph of its own, because they may end with a table.
fn when_dropped(kind: &Kind) -> &'static str {
    match kind {
        Kind::Call { .. } => {
            "If the future is dropped before the message is queued, nothing is sent; after that the message is served, and \
             its reply is dropped."
        }
        Kind::Cast => "If the future is dropped before the message is queued, nothing is sent.",
    }
}

/// The docs of a handle's method whose handler has none.
fn default_docs(handler: &Handler, dropped: &str) -> TokenStream {
    let name = handler.ident.unraw();
    let doc = match handler.kind {
        Kind::Call { .. } => format!(" Calls the worker's `{name}` and waits for its reply. {dropped}"),
        Kind::Cast => {
            format!(" Sends the worker's `{name}` and does not wait for it to be served. {dropped}")
        }
    };
    quote!(#[doc = #doc])
}
