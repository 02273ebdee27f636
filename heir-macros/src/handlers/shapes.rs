//! The rules on signatures that handlers and hooks have in common.

use proc_macro2::Span;
use syn::Type;
use syn::spanned::Spanned;

use super::signature::{Argument, Method, Receiver};
use crate::diagnostics::Errors;
use crate::tokens::{attributes, ungroup};

/// Whether the method takes `&mut self`; reports an error if not. `without` is the end of
/// its message: what follows from that, and what to write.
pub(super) fn takes_self(method: &Method, without: &str, errors: &mut Errors) -> bool {
    let ident = &method.ident;
    let place = match method.receiver {
        Receiver::Exclusive(_) => return true,
        Receiver::Other(span) => span,
        Receiver::None => ident.span(),
    };
    errors.at(place, format_args!("`{ident}` does not take `&mut self`, {without}"));
    false
}

/// Reports what neither a handler nor a hook can be; says whether there was nothing to report.
pub(super) fn is_plain(method: &Method, errors: &mut Errors) -> bool {
    let ident = &method.ident;
    let mut plain = true;
    for qualifier in &method.qualifiers {
        errors.at(
            qualifier.span(),
            format_args!(
                "the runtime calls `{ident}`, so it cannot be `{qualifier}`: remove it, or add `#[skip]`"
            ),
        );
        plain = false;
    }
    if !method.generics.params.is_empty() {
        errors.on(
            &method.generics,
            "a message has one concrete type, so its handler cannot be generic: write the types, or add `#[skip]`",
        );
        plain = false;
    }
    for argument in &method.args {
        for attribute in attributes(&argument.attrs, "cfg").chain(attributes(&argument.attrs, "cfg_attr")) {
            errors.on(
                &attribute.meta,
                format_args!("an argument of a message is always there: put the `cfg` on all of `{ident}`"),
            );
            plain = false;
        }
    }
    plain
}

pub(super) fn replies_nothing(method: &Method, problem: &str, errors: &mut Errors) -> bool {
    let output = method.output.as_ref().filter(|ty| !is_unit(ty));
    if let Some(ty) = output {
        errors.on(ty, problem);
    }
    output.is_none()
}

fn is_unit(ty: &Type) -> bool {
    matches!(ungroup(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether this is the first argument of its kind; reports an error at both if not.
pub(super) fn once(first: &mut Option<Span>, argument: &Argument, errors: &mut Errors) -> bool {
    let here = argument.ty.span();
    match *first {
        None => {
            *first = Some(here);
            true
        }
        Some(first) => {
            errors.conflict(
                first,
                "it is first taken here",
                here,
                "this is taken twice: remove one of the arguments",
            );
            false
        }
    }
}

/// `&Name<..>`, `&mut path::Name<..>`
pub(super) fn is_reference_to(ty: &Type, name: &str) -> bool {
    let Type::Reference(reference) = ungroup(ty) else { return false };
    is_named(&reference.elem, name)
}

/// `Name<..>`, `path::Name<..>`
pub(super) fn is_named(ty: &Type, name: &str) -> bool {
    let Type::Path(target) = ungroup(ty) else { return false };
    target.path.segments.last().is_some_and(|segment| segment.ident == name)
}
