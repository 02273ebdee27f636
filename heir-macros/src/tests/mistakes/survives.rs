//! What outlives the process, and what cannot.

use proc_macro2::TokenStream;
use quote::quote;

use super::super::{attached, expand_heir};
use super::{assert_mistakes, messages, of_heir};

/// A worker with this one table.
fn with(table: &TokenStream) -> TokenStream {
    quote!(
        struct A {
            #table
            a: Table<u8, u8>,
        }
    )
}

fn of_process(table: &TokenStream) -> Vec<String> {
    of_heir(&quote!(survives = process), with(table))
}

#[test]
fn a_worker_says_what_its_tables_outlive() {
    for options in [quote!(), quote!(survives = task), quote!(survives = process)] {
        assert_mistakes(&of_heir(&options, with(&quote!(#[table]))), &[]);
    }
    let table = with(&quote!(#[table(survives = process)]));
    for (options, part) in [
        (quote!(survives), "write `survives = process`, or leave it out for `task`"),
        (quote!(survives = proces), "did you mean `process`?"),
        (quote!(survives = "process"), "write `survives = process`"),
        (quote!(survives = 1), "write `task` or `process`"),
        (quote!(survives = reboot), "write `task` or `process`"),
        (quote!(survives = machine), "does not exist yet: write `survives = process`"),
        (quote!(survives: process), "has its value after a `=`"),
    ] {
        // What the field says may be right then.
        assert_mistakes(&of_heir(&options, table.clone()), &[part]);
    }
    let twice = of_heir(&quote!(survives = task, survives = process), table);
    assert_mistakes(&twice, &["`survives` is first given here", "`survives` is given twice"]);
    assert_mistakes(&of_heir(&quote!(process), with(&quote!(#[table]))), &["write `survives = process`"]);
}

#[test]
fn a_table_says_less_than_its_worker() {
    for table in [
        quote!(#[table(survives = task)]),
        quote!(#[table(keep, survives = task)]),
        quote!(#[table(survives = task, rollback)]),
    ] {
        assert_mistakes(&of_heir(&quote!(), with(&table)), &[]);
    }
    for options in [quote!(), quote!(survives = task)] {
        let messages = of_heir(&options, with(&quote!(#[table(survives = process)])));
        assert_mistakes(&messages, &["write `#[heir(survives = process)]` on the struct"]);
    }
    assert_mistakes(&of_process(&quote!(#[table(survives = process)])), &[]);
    for (table, part) in [
        (quote!(#[table(survives)]), "write `survives = task`, or leave it out for what the worker says"),
        (quote!(#[table(keep, survives = tsak)]), "did you mean `task`?"),
        (quote!(#[table(rollback, survives = "task")]), "write `survives = task`"),
        (
            quote!(#[table(survives = machine)]),
            "does not exist yet: write `survives = task`, or leave it out",
        ),
        (quote!(#[table(process)]), "write `survives = process`"),
    ] {
        assert_mistakes(&of_process(&table), &[part]);
    }
}

#[test]
fn a_table_that_cannot_be_stored_says_that_it_ends_with_the_process() {
    for (table, part) in [
        (quote!(#[table(keep)]), "write `#[table(keep, survives = task)]`"),
        (quote!(#[table(keep, init = 1)]), "write `#[table(keep, init = .., survives = task)]`"),
        (quote!(#[table(keep, survives = process)]), "write `#[table(keep, survives = task)]`"),
        (quote!(#[table(survives = task)]), "no table of `A` is stored"),
        (quote!(#[table(keep, survives = task)]), "no table of `A` is stored"),
        (quote!(#[table(rollback, survives = task)]), "no table of `A` is stored"),
        (quote!(), "`A` has no table"),
    ] {
        assert_mistakes(&of_process(&table), &[part]);
    }
    for table in [quote!(#[table(rollback)]), quote!(#[table(rollback, init = 1, survives = process)])] {
        assert_mistakes(&of_process(&table), &[]);
    }
}

#[test]
fn a_field_with_a_mistake_is_told_only_that() {
    let two = of_process(&quote!(#[table(keep)] #[table(survives = task)]));
    assert_mistakes(&two, &["a field has one kind", "first kind"]);
    let both = of_process(&quote!(#[table(keep, rollback)]));
    assert_mistakes(&both, &["write one of them", "`keep` hands"]);
    assert_mistakes(&of_process(&quote!(#[table(survives = task, kep)])), &["did you mean `keep`?"]);
}

#[test]
fn a_worker_is_stored_only_with_the_feature() {
    let expand = |options: &TokenStream, has_store| {
        crate::heir::derive_with(attached(options, with(&quote!(#[table(keep)]))), has_store)
    };
    let without = messages(&expand(&quote!(survives = process), false));
    assert_mistakes(&without, &["features = [\"store\"] }` in Cargo.toml"]);
    assert_mistakes(&messages(&expand(&quote!(survives = process), true)), &["survives = task"]);
    assert_eq!(expand(&quote!(), true).to_string(), expand(&quote!(), false).to_string());
}

#[test]
fn an_initialiser_ends_before_the_word() {
    for init in [
        quote!(init = HashMap::<K, V>::new(), survives = process),
        quote!(init = x.load().await?, survives = process),
        quote!(survives = process, init = if a { b } else { c }),
    ] {
        let expanded = expand_heir(&quote!(survives = process), with(&quote!(#[table(#init)])));
        assert_mistakes(&messages(&expanded), &[]);
    }
    // An expression that compares a variable of this name.
    let compared = quote!(#[table(keep, init = if a { b } else { c }, survives == process)]);
    assert!(!of_heir(&quote!(), with(&compared)).is_empty());
}

#[test]
fn nothing_is_written_for_a_worker_whose_tables_end_with_the_process() {
    let item = || with(&quote!(#[table(init = [(1, 1)])]));
    let plain = expand_heir(&quote!(), item()).to_string();
    assert_eq!(expand_heir(&quote!(survives = task), item()).to_string(), plain);
    assert!(!plain.contains(":: store ::") && !plain.contains("is_new"), "{plain}");
}
