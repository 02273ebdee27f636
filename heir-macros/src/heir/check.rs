//! The rules that concern more than one token of the struct.

use proc_macro2::Span;
use syn::ext::IdentExt;

use super::model::{AfterQuarantine, Kind, Restored, Worker};
use super::survives::{Said, Survives};
use crate::diagnostics::Errors;
use crate::reserved;

/// `has_store`: whether the runtime has a store.
pub(super) fn worker(worker: &Worker<'_>, has_store: bool, errors: &mut Errors) {
    has_a_table(worker, errors);
    borrows_nothing(worker, errors);
    has_no_reserved_names(worker, errors);
    shares_with_another(worker, errors);
    parks_what_it_bounds(worker, errors);
    survives_what_it_can(worker, has_store, errors);
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

fn survives_what_it_can(worker: &Worker<'_>, has_store: bool, errors: &mut Errors) {
    if worker.options.mistakes_survives {
        return;
    }
    match worker.options.survives.value() {
        Some(Said { survives: Survives::Process, at }) if has_store => stores(worker, *at, errors),
        Some(Said { survives: Survives::Process, at }) => {
            let version = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
            errors.at(
                *at,
                format_args!(
                    "`survives = process` needs the store, which heir-runtime has as a feature: write `heir-runtime = {{ \
                     version = \"{version}\", features = [\"store\"] }}` in Cargo.toml"
                ),
            );
        }
        Some(Said { survives: Survives::Task, .. }) | None => says_no_more_than_the_worker(worker, errors),
    }
}

fn says_no_more_than_the_worker(worker: &Worker<'_>, errors: &mut Errors) {
    for field in &worker.fields {
        if let Kind::Table { survives: Some(Said { survives: Survives::Process, at }), .. } = &field.kind {
            errors.at(
                *at,
                "a table survives no more than its worker says: write `#[heir(survives = process)]` on the struct, and \
                 `survives = task` on each table that is not to be stored",
            );
        }
    }
}

/// The rules of a worker whose tables outlive the process; `at` is where it says so.
fn stores(worker: &Worker<'_>, at: Span, errors: &mut Errors) {
    let mut all_say_task = worker.tables().next().is_some();
    for field in worker.tables() {
        let Kind::Table { restored, word, init, survives } = &field.kind else { continue };
        let says_task = survives.is_some_and(|said| said.survives == Survives::Task);
        all_say_task &= says_task && !field.is_mistaken;
        // A table that says `process` is told so there, and one that says nothing at its word.
        let place = survives.map(|said| said.at).or(*word);
        let Some(place) = place.filter(|_| !says_task && !field.is_mistaken) else { continue };
        let init = if init.is_some() { ", init = .." } else { "" };
        match restored {
            Restored::ByItsRecord | Restored::BeforeTheMessage => {}
            Restored::AsItIs => errors.at(
                place,
                format_args!(
                    "a `keep` table is handed over as it is, and cannot be stored: write `#[table(keep{init}, survives = \
                     task)]`, and it is made anew when the process starts again"
                ),
            ),
        }
    }
    if all_say_task {
        errors.at(
            at,
            format_args!(
                "no table of `{}` is stored, as each says `survives = task`: leave that out on a recorded table \
                 (`#[table]`), or leave `survives = process` out here",
                worker.written_ident
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
