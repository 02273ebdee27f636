//! The rules that concern more than one token of the struct.

use proc_macro2::Ident;
use syn::ext::IdentExt;

use super::model::{Arg, AutoShutdown, Child, From, Tree};
use crate::diagnostics::{Errors, suggestion};
use crate::settings::Restart;

pub(super) fn tree(tree: &Tree<'_>, errors: &mut Errors) {
    has_a_child(tree, errors);
    borrows_nothing(tree, errors);
    has_no_reserved_name(tree, errors);
    tells_its_children_apart(tree, errors);
    tells_its_arguments_apart(tree, errors);
    gives_handles_of_its_own(tree, errors);
    for child in &tree.children {
        is_significant_for_somebody(tree, child, errors);
        can_end_if_significant(child, errors);
        escalates_or_gives_up(child, errors);
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

/// The arguments of `start` have different names, and so have those of each child.
fn tells_its_arguments_apart(tree: &Tree<'_>, errors: &mut Errors) {
    let of_start: Vec<&Ident> = tree.args().map(|(name, _)| name).collect();
    for (first, second) in pairs_of_one_name(&of_start) {
        let (first, name) = (of_start[first], of_start[second]);
        errors.conflict(
            first.span(),
            format_args!("an argument of `start` is first called `{name}` here"),
            name.span(),
            format_args!(
                "two arguments of `start` are called `{name}`: give one of them another name, as in `{name} = \
                 other_{name}: Type`"
            ),
        );
    }
    for child in &tree.children {
        // Two of the same name in `start` have been reported.
        let names: Vec<&Ident> = child.args().iter().map(|arg| &arg.name).collect();
        let names_of_start: Vec<_> = child.args().iter().map(Arg::name_of_start).collect();
        for (first, second) in pairs_of_one_name(&names) {
            if names_of_start[first].is_some() && names_of_start[first] == names_of_start[second] {
                continue;
            }
            let (first, name) = (names[first], names[second]);
            errors.conflict(
                first.span(),
                format_args!("`{name}` is first given here"),
                name.span(),
                format_args!("`{name}` is given twice: keep one of them"),
            );
        }
    }
}

/// The places of each name that stands before, and of that.
fn pairs_of_one_name(names: &[&Ident]) -> Vec<(usize, usize)> {
    let first = |(place, name): (usize, &&Ident)| {
        names[..place].iter().position(|first| first == name).map(|first| (first, place))
    };
    names.iter().enumerate().filter_map(first).collect()
}

/// The handles that children are given are the tree's own: their paths begin with one of its
/// fields. rustc checks the fields below.
fn gives_handles_of_its_own(tree: &Tree<'_>, errors: &mut Errors) {
    let fields: Vec<String> = tree.children.iter().map(|child| child.ident.unraw().to_string()).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    for arg in tree.children.iter().flat_map(Child::args) {
        let From::Tree(path) = &arg.from else { continue };
        let Some(first) = path.first() else { continue };
        let name = first.unraw().to_string();
        if !fields.contains(&name.as_str()) {
            let hint = suggestion(&name, &fields);
            errors.at(first.span(), format_args!("`{}` has no field `{name}`: {hint}", tree.written_ident));
        }
    }
}

/// What a `Dynamic` does with its keys is said once.
fn escalates_or_gives_up(child: &Child<'_>, errors: &mut Errors) {
    let options = &child.options;
    if let (Some(escalate), Some(most)) = (options.escalate.key_span(), options.max_given_up.key_span()) {
        errors.conflict(
            escalate,
            "with `escalate` no key is given up alone",
            most,
            "with `escalate` there are no keys that were given up: leave one of the two out",
        );
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
