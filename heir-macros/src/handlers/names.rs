//! The names that are generated from a handler's name, and the rules that keep them apart.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::ext::IdentExt;

use super::model::{Handler, Hook};
use crate::diagnostics::Errors;
use crate::editions;
use crate::reserved;

/// Whether a handler may have this name; reports an error if not.
pub(super) fn is_free(ident: &Ident, errors: &mut Errors) -> bool {
    let reserved = reserved::is_of_handle(ident);
    if reserved {
        errors.at(
            ident.span(),
            format_args!(
                "every handle has a method `{ident}` already, so a message cannot have this name: choose another, or \
                 add `#[skip]`"
            ),
        );
    }
    !reserved
}

/// `add_one` → `AddOne`
pub(super) fn variant(ident: &Ident) -> Ident {
    let mut name = String::new();
    for word in ident.unraw().to_string().split('_') {
        let mut chars = word.chars();
        name.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        name.push_str(chars.as_str());
    }
    // `name` is no identifier if it consists of underscores or digits, or is `Self`.
    if syn::parse_str::<Ident>(&name).is_err() {
        name = format!("__{name}");
    }
    Ident::new(&name, ident.span().resolved_at(Span::call_site()))
}

/// `try_count` beside `count`.
pub(super) fn try_name(ident: &Ident) -> Ident {
    format_ident!("try_{}", ident, span = ident.span().resolved_at(Span::call_site()))
}

/// `_key` → `key`: the handle's method uses the argument even if the handler does not.
pub(super) fn parameter(name: &Ident) -> Ident {
    let text = name.to_string();
    let bare = text.trim_start_matches('_');
    match syn::parse_str::<Ident>(bare) {
        Ok(ident) if bare != text => editions::moved(&ident, name.span()),
        _ => name.clone(),
    }
}

/// Reports handlers whose generated names are the same, at both of them, and keeps the first.
pub(super) fn distinct_messages(messages: &mut Vec<Handler>, errors: &mut Errors) {
    let mut kept: Vec<Handler> = Vec::new();
    for message in messages.drain(..) {
        // Of two handlers with a `cfg` perhaps only one exists: that is left to rustc.
        let clash = kept.iter().filter(|other| other.cfgs.is_empty() && message.cfgs.is_empty()).find_map(|other| {
            let (a, b) = (&other.ident, &message.ident);
            if other.variant == message.variant {
                return Some((other, format!("`{a}` and `{b}` are one message, `{}`: rename one of them", other.variant)));
            }
            // The handle has no methods for a tick.
            let are_sent = other.every.is_none() && message.every.is_none();
            (are_sent && (*b == try_name(a) || *a == try_name(b))).then(|| {
                (other, format!("`{a}` and `{b}` clash, because every message also gets a method `try_..`: rename one"))
            })
        });
        match clash {
            Some((other, problem)) => {
                errors.conflict(other.ident.span(), &problem, message.ident.span(), &problem);
            }
            None => kept.push(message),
        }
    }
    *messages = kept;
}

/// Reports a second hook for an event, at both of them, and keeps the first.
pub(super) fn distinct_hooks(hooks: &mut Vec<Hook>, errors: &mut Errors) {
    let mut kept: Vec<Hook> = Vec::new();
    for hook in hooks.drain(..) {
        let same = kept
            .iter()
            .find(|other| other.event == hook.event && other.cfgs.is_empty() && hook.cfgs.is_empty());
        match same {
            Some(other) => errors.conflict(
                other.ident.span(),
                format_args!("`#[on({})]` is first given here", hook.event.word()),
                hook.ident.span(),
                format_args!("two hooks for `#[on({})]`: put what they do into one", hook.event.word()),
            ),
            None => kept.push(hook),
        }
    }
    *hooks = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ident(name: &str) -> Ident {
        syn::parse_str(name).expect("an identifier")
    }

    #[test]
    fn a_variant_is_the_handlers_name_in_camel_case() {
        for (name, expected) in [
            ("count", "Count"),
            ("add_one", "AddOne"),
            ("r#type", "Type"),
            ("self_", "__Self"),
            ("_1", "__1"),
            ("é_x", "ÉX"),
        ] {
            assert_eq!(variant(&ident(name)).to_string(), expected);
        }
        assert_eq!(variant(&ident("__")).to_string(), "__");
    }

    #[test]
    fn an_unused_argument_has_its_plain_name_in_the_handle() {
        for (name, expected) in [
            ("_key", "key"),
            ("_gen", "r#gen"),
            ("key", "key"),
            ("_1", "_1"),
            ("_fn", "_fn"),
            ("r#type", "r#type"),
        ] {
            assert_eq!(parameter(&ident(name)).to_string(), expected);
        }
    }
}
