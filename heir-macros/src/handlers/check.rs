//! From the syntax to the model, by the rules of the DSL. Each method is read by itself.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::spanned::Spanned;
use syn::{Attribute, GenericArgument, Generics, Path, PathArguments, Type};

use super::block::Block;
use super::every::{every, tick};
use super::hooks::hook;
use super::model::{EVENTS, Event, Every, Handler, Handlers, Kind, Mistaken, Param};
use super::names::{self, distinct_hooks, distinct_messages};
use super::owned;
use super::shapes::{is_named, is_plain, is_reference_to, once, replies_nothing, takes_self};
use super::signature::{Argument, Method, Name};
use super::vocabulary::{NEARLY, QUALIFIERS, is_marker};
use crate::diagnostics::Errors;
use crate::options::{self, require_bare};
use crate::tokens::{allowed, arguments, attributes, generics_without_self, replace_self, ungroup};

/// What a method is for.
enum Role {
    Skipped,
    Call,
    Cast,
    Tick(Option<Every>),
    Hook(Event),
}

/// Reads the whole block; `None` if it cannot be a worker's.
pub(super) fn block(root: Path, block: &Block, errors: &mut Errors) -> Option<Handlers> {
    let Type::Path(self_path) = ungroup(&block.self_ty) else {
        errors.on(&block.self_ty, "handlers are a worker's: write the name of the struct that has `#[heir]`");
        return None;
    };
    let self_ty = self_path.to_token_stream();
    let companion = |suffix: &str| {
        let mut companion = self_path.clone();
        let last = companion.path.segments.last_mut()?;
        last.ident = format_ident!("{}{}", last.ident, suffix);
        Some((last.ident.to_string(), companion.into_token_stream()))
    };
    let (_, handle) = companion("Handle")?;
    let (tables_name, tables) = companion("Tables")?;
    let mut messages = Vec::new();
    let mut mistaken = Vec::new();
    let mut hooks = Vec::new();
    for method in &block.methods {
        match role(method, errors) {
            Some(Role::Skipped) => is_no_message(method, errors),
            None => {}
            Some(Role::Hook(event)) => {
                is_no_message(method, errors);
                hooks.extend(hook(method, event, &tables_name, errors));
            }
            Some(Role::Tick(every)) => {
                let redeliver = redeliver(method, errors);
                replies_to_nobody(method, "a tick", "`#[every(..)]`", errors);
                messages.extend(tick(method, every, redeliver, errors));
            }
            Some(role @ (Role::Call | Role::Cast)) => match handler(method, &role, &self_ty, errors) {
                Ok(handler) => messages.push(handler),
                Err(handler) => mistaken.extend(handler),
            },
        }
    }
    distinct_messages(&mut messages, errors);
    distinct_hooks(&mut hooks, errors);
    let generics = generics(&block.generics, &self_ty, errors)?;
    let allowed = allowed(&block.attrs, block.methods.iter().map(|method| method.attrs.as_slice()));
    Some(Handlers { root, allowed, generics, self_ty, handle, tables, messages, mistaken, hooks })
}

/// The block's generics, as they can stand in another item; `None` if the worker has a lifetime.
fn generics(written: &Generics, self_ty: &TokenStream, errors: &mut Errors) -> Option<Generics> {
    for param in written.lifetimes() {
        let lifetime = &param.lifetime;
        errors.at(
            lifetime.span(),
            format_args!(
                "a worker cannot borrow, because its tables outlive every task: leave `{lifetime}` out"
            ),
        );
    }
    if written.lifetimes().next().is_some() {
        return None;
    }
    Some(generics_without_self(written, self_ty))
}

fn role(method: &Method, errors: &mut Errors) -> Option<Role> {
    for (name, problem) in NEARLY {
        for attribute in attributes(&method.attrs, name) {
            errors.on(&attribute.meta, problem);
        }
    }
    if method
        .attrs
        .iter()
        .any(|attribute| NEARLY.iter().any(|(name, _)| *name != "call" && attribute.path().is_ident(name)))
    {
        return None;
    }
    let is_role = |attribute: &&Attribute| {
        is_marker(attribute) && !QUALIFIERS.iter().any(|word| attribute.path().is_ident(word))
    };
    let mut markers = method.attrs.iter().filter(is_role);
    let Some(marker) = markers.next() else {
        return Some(Role::Call);
    };
    if let Some(second) = markers.next() {
        errors.on(second.path(), "a method has one role, and this one has two: keep one of the attributes");
        errors.on(marker.path(), "the method's first role is given here");
        return None;
    }
    if marker.path().is_ident("skip") {
        require_bare(marker, "skip", errors);
        Some(Role::Skipped)
    } else if marker.path().is_ident("cast") {
        require_bare(marker, "cast", errors);
        Some(Role::Cast)
    } else if marker.path().is_ident("every") {
        Some(Role::Tick(every(marker, errors)))
    } else {
        event(marker, errors).map(Role::Hook)
    }
}

/// Reads `#[on(start)]`.
fn event(marker: &Attribute, errors: &mut Errors) -> Option<Event> {
    let tokens = arguments(marker).map_err(|error| errors.push(error)).ok()?;
    if tokens.is_empty() {
        errors.on(
            &marker.meta,
            "`#[on]` needs an event: write `#[on(start)]`, `#[on(transfer)]`, `#[on(stop)]`, `#[on(exit)]`, \
             `#[on(down)]` or `#[on(verify)]`",
        );
        return None;
    }
    let read = |input: syn::parse::ParseStream<'_>| {
        if let Ok(quoted) = input.fork().parse::<syn::LitStr>() {
            let problem = "an event is a word without quotes: write `#[on(start)]`";
            return Err(syn::Error::new(quoted.span(), problem));
        }
        let event = options::word(input, &Ident::new("on", marker.path().span()), EVENTS)?;
        if input.is_empty() {
            return Ok(event);
        }
        Err(input.error("a hook has one event: write another method for the other"))
    };
    syn::parse::Parser::parse2(read, tokens).map_err(|error| errors.push(error)).ok()
}

/// Reads `#[redeliver(3)]`.
fn redeliver(method: &Method, errors: &mut Errors) -> Option<u32> {
    let marker = only(method, "redeliver", errors)?;
    let tokens = arguments(marker).map_err(|error| errors.push(error)).ok()?;
    if tokens.is_empty() {
        errors.on(
            &marker.meta,
            "`#[redeliver]` needs a number, how often the message is served again when the worker dies over it: write \
             `#[redeliver(3)]`",
        );
        return None;
    }
    let read = |input: syn::parse::ParseStream<'_>| {
        let key = Ident::new("redeliver", marker.path().span());
        let times = options::count(input, &key, "`#[redeliver(3)]`")?;
        if input.is_empty() {
            return Ok(times);
        }
        Err(input.error("`#[redeliver]` takes one number: write `#[redeliver(3)]`"))
    };
    syn::parse::Parser::parse2(read, tokens).map_err(|error| errors.push(error)).ok()
}

/// Reads `#[reply(early)]`; returns where the word is.
fn early(method: &Method, errors: &mut Errors) -> Option<Span> {
    let marker = only(method, "reply", errors)?;
    let tokens = arguments(marker).map_err(|error| errors.push(error)).ok()?;
    if tokens.is_empty() {
        errors.on(
            &marker.meta,
            "`#[reply]` needs the word that says when the reply leaves: write `#[reply(early)]`",
        );
        return None;
    }
    let read = |input: syn::parse::ParseStream<'_>| {
        let (key, place) = (Ident::new("reply", marker.path().span()), input.span());
        options::word(input, &key, &[("early", ())])?;
        if input.is_empty() {
            return Ok(place);
        }
        Err(input.error("`#[reply]` takes one word: write `#[reply(early)]`"))
    };
    syn::parse::Parser::parse2(read, tokens).map_err(|error| errors.push(error)).ok()
}

/// The attribute of this name on a method. That it is given twice is reported.
fn only<'a>(method: &'a Method, name: &'static str, errors: &mut Errors) -> Option<&'a Attribute> {
    let mut markers = attributes(&method.attrs, name);
    let marker = markers.next()?;
    if let Some(second) = markers.next() {
        errors.conflict(
            marker.path().span(),
            format_args!("`#[{name}]` is first given here"),
            second.path().span(),
            format_args!("`#[{name}]` is given twice: keep one of them"),
        );
    }
    Some(marker)
}

/// Reports what is said of a message on a method that serves none.
fn is_no_message(method: &Method, errors: &mut Errors) {
    for marker in attributes(&method.attrs, "redeliver") {
        errors.on(
            marker.path(),
            format_args!("`{}` is no message, so it is never delivered: remove `#[redeliver]`", method.ident),
        );
    }
    for marker in attributes(&method.attrs, "reply") {
        errors.on(
            marker.path(),
            format_args!(
                "`{}` is no message, so nobody waits for its reply: remove `#[reply]`",
                method.ident
            ),
        );
    }
}

/// Reports `#[reply(..)]` on a message without a reply.
fn replies_to_nobody(method: &Method, kind: &str, mark: &str, errors: &mut Errors) {
    for marker in attributes(&method.attrs, "reply") {
        errors.on(
            marker.path(),
            format_args!("{kind} has no reply that could leave early: remove `#[reply]`, or {mark}"),
        );
    }
}

/// Returns the handler, or, if it has mistakes, what its callers need in its place. A handler that
/// has the name of a method of every handle needs nothing.
fn handler(
    method: &Method,
    role: &Role,
    self_ty: &TokenStream,
    errors: &mut Errors,
) -> Result<Handler, Option<Mistaken>> {
    let is_free = names::is_free(&method.ident, errors);
    let takes_self =
        takes_self(method, "so it cannot serve a message: take `&mut self`, or add `#[skip]`", errors);
    let mut correct = is_plain(method, errors) & is_free & takes_self;
    let redeliver = redeliver(method, errors);
    let early = match role {
        Role::Cast => {
            replies_to_nobody(method, "a cast", "`#[cast]`", errors);
            None
        }
        _ => early(method, errors),
    };
    let mut params = Vec::new();
    let mut context = None;
    let later = matches!(role, Role::Call).then(|| later(method)).flatten();
    let values = method.args.len() - usize::from(later.is_some());
    for argument in &method.args[..values] {
        if is_reference_to(&argument.ty, "Context") {
            correct &= once(&mut context, argument, errors);
            params.push(Param::Context);
            continue;
        }
        if is_named(&argument.ty, "Context") {
            errors.on(
                &argument.ty,
                "the context belongs to the incarnation, and no caller has one to send: take `&mut Context<Self>`",
            );
            correct = false;
            params.push(Param::Context);
            continue;
        }
        correct &= owned::argument(&argument.ty, errors);
        let name = value_name(argument, &method.args, errors);
        correct &= name.is_some();
        let name = name.unwrap_or_else(|| format_ident!("unnamed"));
        let (ty, written) = (replace_self(&argument.ty, self_ty), argument.ty.span());
        params.push(Param::Value { name, ty, written });
    }
    let (kind, reply) = if matches!(role, Role::Cast) {
        correct &=
            replies_nothing(method, "a cast has no reply: remove the return type, or `#[cast]`", errors);
        (Kind::Cast, quote!(()))
    } else if let Some(later) = later {
        correct &= replies_nothing(
            method,
            "a handler replies by what it returns, or by its last argument: remove the return type, or the argument (a \
             reply to another call goes before another argument)",
            errors,
        );
        let (reply, written) = if let Some(ty) = answered(later) {
            correct &= owned::reply(ty, errors);
            (replace_self(ty, self_ty), ty.span())
        } else {
            // rustc says that its type is missing.
            correct = false;
            (quote!(()), later.span())
        };
        params.push(Param::Reply(later.span()));
        (Kind::Call { reply: reply.clone(), written: Some(written) }, reply)
    } else {
        let output = method.output.as_ref().filter(|ty| {
            let owned = owned::reply(ty, errors);
            correct &= owned;
            owned
        });
        let reply = output.map_or_else(|| quote!(()), |ty| replace_self(ty, self_ty));
        (Kind::Call { reply: reply.clone(), written: output.map(Spanned::span) }, reply)
    };
    let cfgs: Vec<Attribute> = attributes(&method.attrs, "cfg").cloned().collect();
    if !correct {
        let values = params.iter().filter(|param| matches!(param, Param::Value { .. })).count();
        let (vis, ident) = (method.vis.clone(), method.ident.clone());
        return Err(is_free.then_some(Mistaken { cfgs, vis, ident, values, reply }));
    }
    Ok(Handler {
        cfgs,
        docs: attributes(&method.attrs, "doc").cloned().collect(),
        deprecated: attributes(&method.attrs, "deprecated").cloned().collect(),
        vis: method.vis.clone(),
        ident: method.ident.clone(),
        variant: names::variant(&method.ident),
        is_async: method.asyncness.is_some(),
        params,
        kind,
        redeliver,
        early,
        every: None,
    })
}

/// The type of the last argument, if that is the reply of the call itself.
fn later(method: &Method) -> Option<&Type> {
    let last = &method.args.last()?.ty;
    is_named(last, "Reply").then_some(last)
}

/// `String`, of `Reply<String>`
fn answered(reply: &Type) -> Option<&Type> {
    let Type::Path(path) = ungroup(reply) else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    let mut arguments = arguments.args.iter();
    match (arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(ty)), None) => Some(ty),
        _ => None,
    }
}

/// The name of an argument in the handle's method: without the leading underscores, which only say
/// that the handler does not use it.
fn value_name(argument: &Argument, all: &[Argument], errors: &mut Errors) -> Option<Ident> {
    match &argument.name {
        Name::Plain(name) => {
            let bare = names::parameter(name);
            let is_taken =
                all.iter().any(|other| matches!(&other.name, Name::Plain(other) if *other == bare));
            Some(if is_taken { name.clone() } else { bare })
        }
        Name::Pattern(pattern) => {
            errors.on(
                pattern,
                "an argument of a message needs a name, because the handle's method has it too: write `name: Type`, \
                 and take it apart in the body",
            );
            None
        }
    }
}
