//! The rules on hooks.

use syn::spanned::Spanned;
use syn::{Attribute, Type};

use super::model::{Event, Hook, HookParam};
use super::shapes::{is_plain, is_reference_to, once, replies_nothing, takes_self};
use super::signature::{Argument, Method};
use crate::diagnostics::Errors;
use crate::tokens::{attributes, ungroup};

/// Reads a method with `#[on(..)]`. `tables` is the name of the worker's bundle of tables.
pub(super) fn hook(method: &Method, event: Event, tables: &str, errors: &mut Errors) -> Option<Hook> {
    let mut correct = is_plain(method, errors);
    correct &= match event {
        Event::Verify => verifies(method, tables, errors),
        Event::Start | Event::Transfer | Event::Exit | Event::Down => in_an_incarnation(method, errors),
        Event::Stop => {
            let problem = "nothing can fail any more when a worker stops: `#[on(stop)]` has no return type";
            in_an_incarnation(method, errors) & replies_nothing(method, problem, errors)
        }
    };
    let mut firsts = [None; 3];
    let mut params = Vec::new();
    for argument in &method.args {
        let Some(param) = param(argument, event) else {
            errors.on(&argument.ty, nobody_sends(event, tables));
            correct = false;
            continue;
        };
        let kind = if param == HookParam::Examined { HookParam::Info } else { param };
        correct &= once(&mut firsts[kind as usize], argument, errors);
        params.push((param, argument.ty.span()));
    }
    let cfgs: Vec<Attribute> = attributes(&method.attrs, "cfg").cloned().collect();
    correct.then(|| Hook {
        cfgs,
        ident: method.ident.clone(),
        is_async: method.asyncness.is_some(),
        event,
        params,
        outcome: method.output.as_ref().map_or_else(|| method.ident.span(), Spanned::span),
    })
}

fn in_an_incarnation(method: &Method, errors: &mut Errors) -> bool {
    takes_self(method, "so it cannot be a hook of an incarnation: take `&mut self`", errors)
}

/// Which of the event's values the argument takes.
fn param(argument: &Argument, event: Event) -> Option<HookParam> {
    if event.info().is_some_and(|name| is_reference_to(&argument.ty, name)) {
        Some(HookParam::Info)
    } else if event == Event::Verify && is_reference_to(&argument.ty, "Examined") {
        Some(HookParam::Examined)
    } else if event == Event::Verify {
        matches!(ungroup(&argument.ty), Type::Reference(tables) if tables.mutability.is_some())
            .then_some(HookParam::Tables)
    } else {
        is_reference_to(&argument.ty, "Context").then_some(HookParam::Context)
    }
}

fn nobody_sends(event: Event, tables: &str) -> String {
    let word = event.word();
    let can_take = match event {
        Event::Verify => format!("`#[on({word})]` can take `&mut {tables}`"),
        _ => format!("beside `&mut self`, `#[on({word})]` can take `&mut Context<Self>`"),
    };
    let or = if event == Event::Verify { " or `&Examined`" } else { "" };
    let info = event.info().map(|name| format!(" and `&{name}`{or}")).unwrap_or_default();
    format!("nobody sends a hook arguments: {can_take}{info}")
}

/// Checks the signature of `#[on(verify)]`, which looks at the tables while no incarnation owns
/// them.
fn verifies(method: &Method, tables: &str, errors: &mut Errors) -> bool {
    let mistakes = errors.len();
    if let Some(receiver) = method.receiver.span() {
        errors.at(
            receiver,
            format_args!(
                "`#[on(verify)]` runs between two incarnations, so there is no `self`: take `tables: &mut {tables}`"
            ),
        );
    } else if method
        .args
        .iter()
        .all(|argument| matches!(param(argument, Event::Verify), Some(HookParam::Info | HookParam::Examined)))
    {
        errors.at(
            method.ident.span(),
            format_args!(
                "`#[on(verify)]` looks at the tables before they pass on: take `tables: &mut {tables}`"
            ),
        );
    }
    if let Some(span) = method.asyncness {
        errors.at(
            span,
            "`#[on(verify)]` runs while nobody owns the tables, and nobody waits for it: remove `async`",
        );
    }
    if method.output.is_none() {
        errors
            .at(method.ident.span(), "`#[on(verify)]` says whether the tables can pass on: return `Verdict`");
    }
    errors.len() == mistakes
}
