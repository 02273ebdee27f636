//! The rules that concern more than one token of the struct.

use syn::ext::IdentExt;

use super::model::{AfterQuarantine, Worker};
use crate::diagnostics::Errors;
use crate::reserved;

pub(super) fn worker(worker: &Worker<'_>, errors: &mut Errors) {
    has_a_table(worker, errors);
    borrows_nothing(worker, errors);
    has_no_reserved_names(worker, errors);
    shares_with_another(worker, errors);
    parks_what_it_bounds(worker, errors);
    if let Some(packed) = worker.packed {
        errors.at(
            packed,
            "a worker's handlers borrow its fields, which a packed struct does not allow: remove `packed`",
        );
    }
}

fn has_a_table(worker: &Worker<'_>, errors: &mut Errors) {
    if worker.tables().next().is_none() && !worker.has_table_on_top {
        errors.at(
            worker.written_ident.span(),
            format_args!(
                "`{}` has no table, so nothing of it would outlive its crash: mark a field with `#[table]`, \
                 `#[table(keep)]` or `#[table(rollback)]`",
                worker.written_ident
            ),
        );
    }
}

fn borrows_nothing(worker: &Worker<'_>, errors: &mut Errors) {
    for param in worker.generics.lifetimes() {
        errors.at(
            param.lifetime.span(),
            format_args!(
                "a worker cannot borrow, because its tables outlive every task: replace what borrows `{}` by an owned \
                 type",
                param.lifetime
            ),
        );
    }
}

fn shares_with_another(worker: &Worker<'_>, errors: &mut Errors) {
    for path in worker.options.tables.value().into_iter().filter(|path| worker.is_own_bundle(path)) {
        let own = worker.companion("Tables");
        errors.on(
            path,
            format_args!(
                "`{own}` are the worker's own tables: name those of the worker it takes over from, or leave `tables` out"
            ),
        );
    }
}

fn parks_what_it_bounds(worker: &Worker<'_>, errors: &mut Errors) {
    let bound = &worker.options.max_quarantined;
    if let (Some(key), Some(bundles)) = (bound.key_span(), bound.value())
        && worker.options.quarantine.value() != Some(&AfterQuarantine::Fresh)
        && !worker.options.mistakes_quarantine
    {
        errors.at(
            key,
            format_args!(
                "`max_quarantined` bounds what `quarantine = fresh` parks, and this worker stops instead: write `quarantine = fresh, \
                 max_quarantined = {bundles}`, or leave it out"
            ),
        );
    }
}

fn has_no_reserved_names(worker: &Worker<'_>, errors: &mut Errors) {
    for field in &worker.fields {
        if field.ident.unraw() == "__unused" {
            errors.at(
                field.ident.span(),
                "generated structs have a field `__unused` already: choose another name",
            );
        }
    }
    for field in worker.recorded().filter(|field| reserved::is_of_handle(field.ident)) {
        errors.at(
            field.ident.span(),
            format_args!(
                "every handle has a method `{0}` already, so the one that gives the reader of this table cannot have this \
                 name: choose another",
                field.ident
            ),
        );
    }
}
