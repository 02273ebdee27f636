//! The rules on ticks: the messages that a worker's own clock sends it.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Token};

use super::model::{Every, Handler, Kind, Missed, Param};
use super::names;
use super::shapes::{is_named, is_plain, is_reference_to, once, replies_nothing, takes_self};
use super::signature::Method;
use crate::diagnostics::Errors;
use crate::options::{self, EVERY, Slot};
use crate::tokens::{arguments, attributes};

const MISSED: &[(&str, Missed)] = &[("skip", Missed::Skip), ("catch_up", Missed::CatchUp)];

/// Reads `#[every("100ms", missed = skip)]`.
pub(super) fn every(marker: &Attribute, errors: &mut Errors) -> Option<Every> {
    let tokens = arguments(marker).map_err(|error| errors.push(error)).ok()?;
    if tokens.is_empty() {
        errors.on(&marker.meta, "`#[every]` needs a period, a length of time: write `#[every(\"100ms\")]`");
        return None;
    }
    let mut missed = Slot::default();
    let read = |input: ParseStream<'_>| {
        let period = period(input)?;
        if let None = input.parse::<Option<Token![,]>>()?
            && !input.is_empty()
        {
            let problem = "unexpected token after the period: separate the options from it with `,`";
            return Err(input.error(problem));
        }
        let rest = input.parse()?;
        options::read_list(rest, "every", EVERY, errors, |key, input, errors| {
            missed.fill(key, options::word(input, key, MISSED)?, errors);
            Ok(())
        });
        Ok(period)
    };
    let period = read.parse2(tokens).map_err(|error| errors.push(error)).ok()?;
    Some(Every { period, missed: missed.into_value().unwrap_or_default() })
}

fn period(input: ParseStream<'_>) -> syn::Result<options::Millis> {
    if let Ok(key) = input.fork().call(Ident::parse_any) {
        let problem = if EVERY.iter().any(|option| key == option.key) {
            format!("the period comes before `{key}`: write `#[every(\"100ms\", {key} = ..)]`")
        } else {
            "`#[every]` begins with its period, a text without a key: write `#[every(\"100ms\")]`".to_owned()
        };
        return Err(syn::Error::new(key.span(), problem));
    }
    if !input.peek(LitStr) && !input.peek(syn::LitInt) {
        return Err(input.error("the period is a length of time: write `#[every(\"100ms\")]`"));
    }
    options::duration_in(input, |text| format!("#[every({text})]"))
}

/// Reads a method with `#[every(..)]`; `None` if it has mistakes.
pub(super) fn tick(
    method: &Method,
    every: Option<Every>,
    redeliver: Option<u32>,
    errors: &mut Errors,
) -> Option<Handler> {
    let mut correct = is_plain(method, errors)
        & takes_self(method, "so it cannot serve a tick: take `&mut self`", errors)
        & replies_nothing(
            method,
            "nobody hears what a tick returns: remove the return type, and end the worker with `cx.fail(..)` if it \
             is to end",
            errors,
        );
    let (mut context, mut params): (Option<Span>, Vec<Param>) = (None, Vec::new());
    for argument in &method.args {
        if is_reference_to(&argument.ty, "Context") {
            correct &= once(&mut context, argument, errors);
            params.push(Param::Context);
            continue;
        }
        correct = false;
        if is_named(&argument.ty, "Context") {
            errors.on(&argument.ty, "the context belongs to the incarnation: take `&mut Context<Self>`");
        } else {
            errors.at(
                argument.ty.span(),
                "nobody sends a tick arguments: beside `&mut self`, `#[every(..)]` can take `&mut Context<Self>`",
            );
        }
    }
    let every = every.filter(|_| correct)?;
    Some(Handler {
        cfgs: attributes(&method.attrs, "cfg").cloned().collect(),
        docs: Vec::new(),
        deprecated: Vec::new(),
        vis: method.vis.clone(),
        ident: method.ident.clone(),
        variant: names::variant(&method.ident),
        is_async: method.asyncness.is_some(),
        params,
        kind: Kind::Cast,
        redeliver,
        early: None,
        every: Some(every),
    })
}
