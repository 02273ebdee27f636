//! Mistakes in a struct with `#[supervisor]`.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_mistakes, of_supervisor};

/// The messages about a supervisor that has one child with these options.
fn of_child(options: &TokenStream) -> Vec<String> {
    let auto_shutdown = quote!(auto_shutdown = any_significant);
    of_supervisor(
        &auto_shutdown,
        quote!(
            struct A {
                #[child(#options)]
                a: B,
            }
        ),
    )
}

#[test]
fn a_supervisor_has_children_with_names() {
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A {}
            ),
        ),
        &["`A` has no children"],
    );
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A;
            ),
        ),
        &["`A` has no children"],
    );
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A(B);
            ),
        ),
        &["need names"],
    );
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A<'a> {
                    a: B<'a>,
                }
            ),
        ),
        &["cannot borrow"],
    );
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A {
                    r#__supervisor: B,
                }
            ),
        ),
        &["a field `__supervisor` already"],
    );
}

#[test]
fn a_supervisor_has_its_words() {
    let item = || {
        quote!(
            struct A {
                a: B,
            }
        )
    };
    let all = quote!(
        name = "a",
        strategy = one_for_all,
        intensity = 0,
        period = "1h",
        auto_shutdown = never,
        crate = ::rt,
    );
    assert_mistakes(&of_supervisor(&all, item()), &[]);
    assert_mistakes(
        &of_supervisor(
            &quote!(
                strategy = rest_for_on,
                intensity = -1,
                period = 1,
                auto_shutdown = any,
                crate = rt,
                restart = x
            ),
            item(),
        ),
        &[
            "did you mean `rest_for_one`?",
            "write a number from 0 to 4294967295",
            "`period = 1` has no unit",
            "write `never`, `any_significant` or `all_significant`",
            "start the path with `::` or `crate`",
            "unknown option `restart` of `#[supervisor]`",
        ],
    );
}

#[test]
fn a_child_has_its_options() {
    let all = quote!(
        args(a: HashMap<K, V>, b: fn(u8, u8) -> u8,),
        name = "b",
        restart = temporary,
        shutdown = brutal_kill,
        significant,
        backoff = none,
    );
    assert_mistakes(&of_child(&all), &[]);
    assert_mistakes(
        &of_child(&quote!(arg(a: A), restart = always, shutdown = 1, significant = true, backoff = linear)),
        &[
            "did you mean `args`?",
            "unknown value `always` of `restart`",
            "`shutdown = 1` has no unit",
            "`significant` takes no value",
            "unknown value `linear` of `backoff`",
        ],
    );
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A {
                    #[child(name = "b")]
                    #[child(name = "c")]
                    a: B,
                }
            ),
        ),
        &["`#[child]` is given twice", "`#[child]` is first given here"],
    );
}

#[test]
fn an_argument_has_a_name_and_a_type() {
    for (args, part) in [
        (quote!(args), "write `args(name: Type)`, or leave it out for no arguments"),
        (quote!(args = a), "write `args(name: Type)`"),
        (quote!(args[a: A]), "write `args(name: Type)`"),
        (quote!(args()), "`args` are empty"),
        (quote!(args(a)), "the argument `a` has neither a type nor a handle: write `a: Type`"),
        (quote!(args(a:)), "the argument `a` has neither a type nor a handle"),
        (quote!(args(A)), "an argument has a name and a type: write `name: A`"),
        (
            quote!(args("a")),
            "an argument has a name, and a type or a handle of this tree: write `name: Type`",
        ),
        (quote!(args(self: A)), "an argument has a name, and a type"),
        (quote!(args(a: A b: B)), "unexpected token after the type: separate arguments with `,`"),
    ] {
        assert_mistakes(&of_child(&args), &[part]);
    }
}

#[test]
fn an_argument_from_the_tree_is_the_path_of_a_handle() {
    for (args, part) in [
        (quote!(args(a =)), "`a` is the handle of a child of this tree: write the child's field"),
        (quote!(args(a = 3)), "`a` is the handle of a child of this tree"),
        (quote!(args(a = b())), "`a` is the handle of a child of this tree"),
        (quote!(args(a = b::c)), "`a` is the handle of a child of this tree"),
        (quote!(args(a = b.)), "`a` is the handle of a child of this tree"),
        (quote!(args(a = b.0)), "`a` is the handle of a child of this tree"),
        (quote!(args(a = &b)), "`a` is the handle of a child of this tree"),
        (quote!(args(a = b c = b)), "`a` is the handle of a child of this tree"),
    ] {
        assert_mistakes(&of_child(&args), &[part]);
    }
}

#[test]
fn a_handle_that_a_child_is_given_is_one_of_the_trees_own() {
    let of = |args: TokenStream| {
        of_supervisor(
            &quote!(),
            quote!(
                struct App {
                    #[child(args(#args))]
                    front: Front,
                    ledger: Ledger,
                }
            ),
        )
    };
    assert_mistakes(&of(quote!(a = leger)), &["`App` has no field `leger`: did you mean `ledger`?"]);
    assert_mistakes(&of(quote!(a = shop.stock)), &["`App` has no field `shop`: write `front` or `ledger`"]);
    assert_mistakes(
        &of(quote!(a = ledger, a: u8)),
        &["`a` is first given here", "`a` is given twice: keep one of them"],
    );
    assert_mistakes(&of(quote!(a = ledger, b = front, c = ledger.below)), &[]);
}

#[test]
fn a_dynamic_gives_keys_up_or_escalates() {
    assert_mistakes(
        &of_child(&quote!(escalate, max_given_up = 3)),
        &["with `escalate` no key is given up alone", "leave one of the two out"],
    );
}

#[test]
fn children_and_arguments_are_told_apart() {
    assert_mistakes(
        &of_supervisor(
            &quote!(),
            quote!(
                struct A {
                    #[child(args(x: X, x: X))]
                    r#type: B,
                    #[child(name = "type")]
                    b: B,
                    #[child(name = "c")]
                    type_: B,
                }
            ),
        ),
        &[
            "two arguments of `start` are called `x`: give one of them another name, as in `x = other_x: Type`",
            "an argument of `start` is first called `x`",
            "two children are called `type`",
            "a child is first called `type`",
        ],
    );
}

#[test]
fn a_significant_child_can_end_and_is_heeded() {
    assert_mistakes(&of_child(&quote!(significant)), &[]);
    assert_mistakes(
        &of_child(&quote!(significant, restart = permanent)),
        &["a permanent one never does", "`permanent` starts the child again"],
    );
    let item = || {
        quote!(
            struct A {
                #[child(significant, restart = transient)]
                a: B,
            }
        )
    };
    assert_mistakes(
        &of_supervisor(&quote!(), item()),
        &["write `#[supervisor(auto_shutdown = any_significant)]` or `all_significant`"],
    );
    assert_mistakes(
        &of_supervisor(&quote!(auto_shutdown = never), item()),
        &["or leave `significant` out", "never to end by itself"],
    );
}

#[test]
fn the_attribute_goes_once_on_a_struct_that_is_no_worker() {
    let attach = |item: TokenStream| crate::supervisor::attach(&quote!(), item).to_string();
    for item in [
        quote!(
            enum A {
                B(B),
            }
        ),
        quote!(
            fn a() {}
        ),
        quote!(impl A {}),
        quote!(1),
    ] {
        let emitted = attach(item.clone());
        assert!(emitted.contains("goes on a struct") && emitted.ends_with(&item.to_string()), "{emitted}");
    }
    assert!(
        attach(quote!(
            #[supervisor]
            struct A {
                a: B,
            }
        ))
        .contains("given twice")
    );
    let both = attach(quote!(
        #[heir_runtime::heir]
        struct A {
            a: B,
        }
    ));
    assert!(both.contains("a supervisor and a worker") && !both.contains("heir]"), "{both}");
}
