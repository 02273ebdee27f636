//! The rules that concern more than one token of the struct.

use syn::ext::IdentExt;

use super::model::{Arg, AutoShutdown, Child, Tree};
use crate::diagnostics::Errors;
use crate::settings::Restart;

pub(super) fn tree(tree: &Tree<'_>, errors: &mut Errors) {
    has_a_child(tree, errors);
    borrows_nothing(tree, errors);
    has_no_reserved_name(tree, errors);
    tells_its_children_apart(tree, errors);
    tells_its_arguments_apart(tree, errors);
    for child in &tree.children {
        is_significant_for_somebody(tree, child, errors);
        can_end_if_significant(child, errors);
    }
}

fn has_a_child(tree: &Tree<'_>, errors: &mut Errors) {
    if tree.children.is_empty() {
        errors.at(
            tree.written_ident.span(),
            format_args!(
                "`{}` has no children, so there is nothing to supervise: write a field for each",
                tree.written_ident
            ),
        );
    }
}

fn borrows_nothing(tree: &Tree<'_>, errors: &mut Errors) {
    for param in tree.generics.lifetimes() {
        errors.at(
            param.lifetime.span(),
            format_args!(
                "a supervisor cannot borrow, because its children run in tasks of their own: leave `{}` out",
                param.lifetime
            ),
        );
    }
}

fn has_no_reserved_name(tree: &Tree<'_>, errors: &mut Errors) {
    for child in tree.children.iter().filter(|child| child.ident.unraw() == "__supervisor") {
        errors.at(
            child.ident.span(),
            "the generated handle has a field `__supervisor` already: choose another name",
        );
    }
}

fn tells_its_children_apart(tree: &Tree<'_>, errors: &mut Errors) {
    for (index, child) in tree.children.iter().enumerate() {
        let name = child.name();
        if let Some(first) = tree.children[..index].iter().find(|first| first.name() == name) {
            errors.conflict(
                first.name_span(),
                format_args!("a child is first called `{name}` here"),
                child.name_span(),
                format_args!("two children are called `{name}`: give one of them another name"),
            );
        }
    }
}

fn tells_its_arguments_apart(tree: &Tree<'_>, errors: &mut Errors) {
    let args: Vec<&Arg> = tree.args().collect();
    for (index, Arg { name, .. }) in args.iter().enumerate() {
        if let Some(first) = args[..index].iter().find(|first| first.name == *name) {
            errors.conflict(
                first.name.span(),
                format_args!("an argument is first called `{name}` here"),
                name.span(),
                format_args!("two arguments are called `{name}`: give one of them another name"),
            );
        }
    }
}

fn is_significant_for_somebody(tree: &Tree<'_>, child: &Child<'_>, errors: &mut Errors) {
    let Some(significant) = child.options.significant.key_span() else { return };
    let auto_shutdown = &tree.options.auto_shutdown;
    match (auto_shutdown.value(), auto_shutdown.key_span()) {
        (None, _) => errors.at(
            significant,
            "no child is significant while its supervisor never ends by itself: write \
             `#[supervisor(auto_shutdown = any_significant)]` or `all_significant`",
        ),
        (Some(AutoShutdown::Never), Some(never)) => errors.conflict(
            never,
            "here it is said never to end by itself",
            significant,
            "no child is significant while its supervisor never ends by itself: write \
             `auto_shutdown = any_significant` or `all_significant`, or leave `significant` out",
        ),
        _ => {}
    }
}

fn can_end_if_significant(child: &Child<'_>, errors: &mut Errors) {
    let options = &child.options;
    if let (Some(significant), Some(restart)) = (options.significant.key_span(), options.restart.key_span())
        && options.restart.value() == Some(&Restart::Permanent)
    {
        errors.conflict(
            restart,
            "`permanent` starts the child again whenever it ends",
            significant,
            "a significant child is one that may end, and a permanent one never does: make it `transient` or `temporary`",
        );
    }
}
