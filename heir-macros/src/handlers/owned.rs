//! The rule that a message owns its data, as far as the written types tell.

use proc_macro2::Span;
use syn::{GenericArgument, PathArguments, ReturnType, Type};

use crate::diagnostics::Errors;

/// Whether an argument's type owns its data; reports an error if not.
pub(super) fn argument(ty: &Type, errors: &mut Errors) -> bool {
    check(
        ty,
        errors,
        "a message outlives the caller's borrow, because it waits in the mailbox: take an owned type",
    )
}

/// Whether a reply's type owns its data; reports an error if not.
pub(super) fn reply(ty: &Type, errors: &mut Errors) -> bool {
    check(ty, errors, "a reply leaves the worker, so it cannot borrow from it: reply with an owned type")
}

fn check(ty: &Type, errors: &mut Errors, borrowed: &str) -> bool {
    let mut problems = Vec::new();
    walk(ty, &mut problems);
    for problem in &problems {
        match problem {
            Problem::Borrow(span) => errors.at(*span, borrowed),
            Problem::Opaque(span) => errors.at(
                *span,
                "a message has one concrete type: write the type instead of `impl`, or add `#[skip]`",
            ),
        }
    }
    problems.is_empty()
}

enum Problem {
    Borrow(Span),
    Opaque(Span),
}

/// Finds the parts of a type that borrow. A function pointer, a closure's trait and a trait object
/// name types whose values they do not hold, so those are left to rustc.
fn walk(ty: &Type, problems: &mut Vec<Problem>) {
    match ty {
        Type::Reference(reference) => {
            match &reference.lifetime {
                Some(lifetime) if lifetime.ident == "static" => {}
                _ => problems.push(Problem::Borrow(reference.and_token.span)),
            }
            walk(&reference.elem, problems);
        }
        Type::ImplTrait(opaque) => problems.push(Problem::Opaque(opaque.impl_token.span)),
        Type::Group(group) => walk(&group.elem, problems),
        Type::Paren(paren) => walk(&paren.elem, problems),
        Type::Array(array) => walk(&array.elem, problems),
        Type::Slice(slice) => walk(&slice.elem, problems),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|elem| walk(elem, problems)),
        Type::Path(path) => {
            for segment in &path.path.segments {
                walk_arguments(&segment.arguments, problems);
            }
        }
        _ => {}
    }
}

fn walk_arguments(arguments: &PathArguments, problems: &mut Vec<Problem>) {
    match arguments {
        PathArguments::AngleBracketed(arguments) => {
            for argument in &arguments.args {
                match argument {
                    GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => {
                        problems.push(Problem::Borrow(lifetime.span()));
                    }
                    GenericArgument::Type(ty) => walk(ty, problems),
                    _ => {}
                }
            }
        }
        PathArguments::Parenthesized(arguments) => {
            if let ReturnType::Type(_, ty) = &arguments.output
                && matches!(**ty, Type::ImplTrait(_))
            {
                walk(ty, problems);
            }
        }
        PathArguments::None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(ty: &str) -> usize {
        let mut problems = Vec::new();
        walk(&syn::parse_str(ty).expect("a type"), &mut problems);
        problems.len()
    }

    #[test]
    fn what_is_held_is_owned() {
        for ty in [
            "String",
            "&'static str",
            "Vec<(u8, [u64; 4])>",
            "Box<dyn Fn(&str) -> u8 + Send>",
            "fn(&str)",
            "Cow<'static, str>",
        ] {
            assert_eq!(problems(ty), 0, "{ty}");
        }
    }

    #[test]
    fn a_borrow_is_found_at_any_depth() {
        for ty in
            ["&str", "Vec<&str>", "Option<(u8, &'a [u8])>", "Cow<'_, str>", "[&u8; 2]", "impl Into<String>"]
        {
            assert_eq!(problems(ty), 1, "{ty}");
        }
    }
}
