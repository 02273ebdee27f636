//! Which mistakes are noticed. The workspace's UI tests show how rustc displays them.

use proc_macro2::TokenStream;
use quote::quote;

mod handlers;
mod supervisor;
mod survives;

use super::{expand_heir, expand_supervisor};

fn of_heir(options: &TokenStream, item: TokenStream) -> Vec<String> {
    messages(&expand_heir(options, item))
}

fn of_supervisor(options: &TokenStream, item: TokenStream) -> Vec<String> {
    messages(&expand_supervisor(options, item))
}

fn of_handlers(item: TokenStream) -> Vec<String> {
    messages(&crate::handlers::attach(quote!(), item))
}

/// The messages of all `compile_error!`s.
fn messages(tokens: &TokenStream) -> Vec<String> {
    let file: syn::File = syn::parse2(tokens.clone()).expect("what was generated is Rust");
    let texts = file.items.iter().filter_map(|item| match item {
        syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
            Some(item.mac.parse_body::<syn::LitStr>().expect("a message is a text").value())
        }
        _ => None,
    });
    texts.collect()
}

fn assert_mistakes(messages: &[String], parts: &[&str]) {
    assert_eq!(messages.len(), parts.len(), "{messages:#?}");
    for part in parts {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:#?}");
    }
}

#[test]
fn a_message_is_lower_case_and_has_no_full_stop() {
    let all = [
        of_heir(
            &quote!(foo, mailbox = "x", restart),
            quote!(
                struct A<'a> {
                    #[arg]
                    #[fresh(1, 2)]
                    a: &'a u8,
                }
            ),
        ),
        of_heir(
            &quote!(),
            quote!(
                struct A {
                    #[table(foo)]
                    a: u8,
                    #[table(keep, rollback)]
                    b: u8,
                    #[fresh]
                    c: u8,
                }
            ),
        ),
        of_supervisor(
            &quote!(foo, intensity = "x", period),
            quote!(
                struct A<'a> {
                    #[child(args(), significant, name = "")]
                    #[child]
                    a: B,
                    #[child(args(x), shutdown = x, name = "a")]
                    __supervisor: B,
                }
            ),
        ),
        of_handlers(quote!(impl A { fn a(&self) {} fn stop(&mut self) {} #[on(x)] fn b(&mut self) {} })),
        of_handlers(
            quote!(impl A { fn c(&mut self, (a, b): (u8, u8)) -> impl Copy {} #[cast] fn d(&mut self) -> u8 {} }),
        ),
    ];
    for message in all.iter().flatten() {
        assert!(!message.starts_with(char::is_uppercase) && !message.ends_with('.'), "{message}");
    }
}

#[test]
fn a_bare_table_is_recorded() {
    let expanded = expand_heir(
        &quote!(),
        quote!(
            struct A {
                #[table]
                a: Table<u8, u8>,
                #[table(init = [(1, 1)])]
                b: Table<u8, u8>,
                #[table()]
                c: Table<u8, u8>,
            }
        ),
    );
    assert_mistakes(&messages(&expanded), &[]);
    assert_eq!(expanded.to_string().matches("rows_first").count(), 3);
}

#[test]
fn a_recorded_table_has_no_name_of_the_handles() {
    assert_mistakes(
        &of_heir(
            &quote!(),
            quote!(
                struct A {
                    #[table]
                    status: Table<u8, u8>,
                    #[table(keep)]
                    stop: u8,
                    __unused: u8,
                }
            ),
        ),
        &["a method `status` already", "a field `__unused` already"],
    );
}

#[test]
fn a_quarantine_has_its_words() {
    assert_mistakes(
        &of_heir(
            &quote!(crash_loop = 0, quarantine = sotp),
            quote!(
                struct A {
                    #[table(keep)]
                    a: u8,
                }
            ),
        ),
        &["from 1 to 4294967295", "did you mean `stop`?"],
    );
    assert_mistakes(
        &of_heir(
            &quote!(crash_loop = nevr, crash_loop = "5"),
            quote!(
                struct A {
                    #[table(keep)]
                    a: u8,
                }
            ),
        ),
        &[
            "write `crash_loop = 5` or `crash_loop = never`",
            "is a number: write `crash_loop = 5` or `crash_loop = never`",
        ],
    );
}

#[test]
fn what_is_parked_is_bounded_where_it_is_parked() {
    let item = || {
        quote!(
            struct A {
                #[table(keep)]
                a: u8,
            }
        )
    };
    for bound in [quote!(0), quote!(65535)] {
        let options = quote!(max_quarantined = #bound, quarantine = fresh);
        assert_mistakes(&of_heir(&options, item()), &[]);
    }
    for (options, part) in [
        (quote!(max_quarantined = 3), "write `quarantine = fresh, max_quarantined = 3`, or leave it out"),
        (quote!(quarantine = stop, max_quarantined = 3), "bounds what `quarantine = fresh` parks"),
        (quote!(quarantine = fresh, max_quarantined = never), "is a number: write `max_quarantined = 8`"),
        (quote!(quarantine = fresh, max_quarantined = 65536), "write a number from 0 to 65535"),
        // One mistake is one error.
        (quote!(quarantine = fersh, max_quarantined = 3), "did you mean `fresh`?"),
    ] {
        assert_mistakes(&of_heir(&options, item()), &[part]);
    }
}

#[test]
fn a_backoff_has_its_forms() {
    let item = || {
        quote!(
            struct A {
                #[table(keep)]
                a: u8,
            }
        )
    };
    for form in [quote!(none), quote!("1s"), quote!(exponential("1s", "1s",))] {
        assert_mistakes(&of_heir(&quote!(backoff = #form), item()), &[]);
    }
    for (form, part) in [
        (quote!("none"), "write `backoff = none`"),
        (quote!("10"), "the unit is missing"),
        (quote!(never), "write `backoff = none`, `backoff = \"100ms\"` or `backoff = exponential("),
        (quote!(exponential), "needs its first and its longest pause"),
        (quote!(exponential["1s", "2s"]), "needs its first and its longest pause"),
        (quote!(exponential("1s")), "needs its longest pause, too"),
        (quote!(exponential("1s" "2s")), "needs its longest pause, too"),
        (quote!(exponential("1s", "2s", "3s")), "takes two lengths of time"),
        (quote!(exponential("1s", 2)), "a pause of `exponential` is a length of time"),
        (quote!(exponential("1s", "2")), "the unit is missing"),
        (quote!(exponential("2s", "1999ms")), "write `exponential(\"1999ms\", \"2s\")`"),
    ] {
        let messages = of_heir(&quote!(backoff = #form, mailbox = 1), item());
        assert!(messages.iter().any(|message| message.contains(part)), "{form}: {messages:#?}");
    }
}

#[test]
fn tables_are_shared_with_another_worker() {
    let item = || {
        quote!(
            struct A {
                #[table(keep)]
                a: u8,
            }
        )
    };
    assert_mistakes(&of_heir(&quote!(tables = super::BTables<u8>), item()), &[]);
    assert_mistakes(&of_heir(&quote!(tables = ATables), item()), &["the worker's own tables"]);
    assert_mistakes(&of_heir(&quote!(tables = "BTables"), item()), &["write `tables = BTables`"]);
    assert_mistakes(&of_heir(&quote!(tables = 1), item()), &["is a path: write `tables = CounterTables`"]);
}

#[test]
fn all_mistakes_of_a_struct_are_reported_at_once() {
    assert_mistakes(
        &of_heir(
            &quote!(restrat = transient, mailbox = 0),
            quote!(
                struct A<'a> {
                    #[table(kep)]
                    a: u8,
                    #[arg(x)]
                    b: &'a u8,
                    #[table(keep, init = 1, keep)]
                    c: u8,
                }
            ),
        ),
        &[
            "did you mean `restart`?",
            "`0` is out of range for `mailbox`",
            "did you mean `keep`?",
            "`#[arg]` takes no arguments",
            "`keep` is given twice",
            "`keep` is first given here",
            "a worker cannot borrow",
        ],
    );
}

#[test]
fn a_worker_has_a_table_and_named_fields() {
    assert_mistakes(
        &of_heir(
            &quote!(),
            quote!(
                struct A {
                    a: u8,
                }
            ),
        ),
        &["`A` has no table"],
    );
    assert_mistakes(
        &of_heir(
            &quote!(),
            quote!(
                struct A;
            ),
        ),
        &["`A` has no table"],
    );
    assert_mistakes(
        &of_heir(
            &quote!(),
            quote!(
                struct A(#[table(keep)] u8);
            ),
        ),
        &["need names"],
    );
}

#[test]
fn a_field_has_one_kind() {
    assert_mistakes(
        &of_heir(
            &quote!(),
            quote!(
                struct A {
                    #[table(keep)]
                    #[arg]
                    a: u8,
                }
            ),
        ),
        &["a field has one kind", "first kind"],
    );
    assert_mistakes(
        &of_heir(
            &quote!(),
            quote!(
                struct A {
                    #[table(rollback, keep)]
                    a: u8,
                }
            ),
        ),
        &["write one of them", "`keep` hands"],
    );
}

#[test]
fn an_initialiser_may_hold_commas() {
    for init in [
        quote!(init = HashMap::<K, V>::new()),
        quote!(init = make(|a, b| a + b)),
        quote!(init = if a { b } else { c }),
        quote!(init = x.load().await?),
        quote!(
            init = match x {
                _ => y,
            },
        ),
    ] {
        let expanded = expand_heir(
            &quote!(),
            quote!(
                struct A {
                    #[table(rollback, #init)]
                    a: u8,
                }
            ),
        );
        assert_mistakes(&messages(&expanded), &[]);
        let swapped = expand_heir(
            &quote!(),
            quote!(
                struct A {
                    #[table(init = |a, b| a, keep)]
                    a: u8,
                }
            ),
        );
        assert_mistakes(&messages(&swapped), &[]);
    }
}

#[test]
fn the_attribute_goes_on_a_struct() {
    for item in [
        quote!(
            pub enum A {}
        ),
        quote!(
            fn a() {}
        ),
        quote!(impl A {}),
        quote!(union A { a: u8 }),
        quote!(1),
    ] {
        let emitted = crate::heir::attach(&quote!(), item.clone()).to_string();
        assert!(emitted.contains("goes on a struct") && emitted.ends_with(&item.to_string()), "{emitted}");
    }
}

#[test]
fn the_attribute_is_given_once() {
    let emitted = crate::heir::attach(
        &quote!(),
        quote!(
            #[heir_runtime::heir]
            struct A {
                a: u8,
            }
        ),
    )
    .to_string();
    assert!(emitted.contains("given twice") && !emitted.contains("heir_runtime :: heir]"), "{emitted}");
}
