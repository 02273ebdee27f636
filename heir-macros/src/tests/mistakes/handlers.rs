//! Mistakes in an impl block with `#[handlers]`.

use quote::quote;

use super::{assert_mistakes, of_handlers};

#[test]
fn a_method_without_a_handlers_shape_is_told_what_to_do() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                fn a(&self) {}
                fn b() {}
                fn c(self: &mut Self) {}
                unsafe fn d(&mut self) {}
                fn e<T>(&mut self) {}
                #[skip]
                const unsafe extern "C" fn f<T>((a, b): (u8, u8), ...) -> impl Copy { { 1 } }
            }
        }),
        &[
            "`a` does not take",
            "`b` does not take",
            "`c` does not take",
            "cannot be `unsafe`",
            "cannot be generic",
        ],
    );
}

#[test]
fn a_message_owns_what_it_carries() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                fn a(&mut self, a: &str, b: Vec<&'a u8>) -> &str {}
                fn b(&mut self, a: impl Copy, _: u8) {}
                fn c(&mut self, a: &'static str, cx: &mut Context<Self>) -> Box<dyn Fn(&str)> {}
            }
        }),
        &[
            "take an owned type",
            "take an owned type",
            "reply with an owned type",
            "instead of `impl`",
            "needs a name",
        ],
    );
}

#[test]
fn names_that_would_clash_are_reported_at_both_places() {
    let clashing = quote! {
        impl A {
            fn stop(&mut self) {}
            fn put(&mut self) {}
            fn try_put(&mut self) {}
            fn a_b(&mut self) {}
            fn aB(&mut self) {}
            #[cfg(x)] fn either(&mut self) {}
            #[cfg(not(x))] fn either(&mut self) {}
        }
    };
    assert_mistakes(
        &of_handlers(clashing),
        &[
            "a method `stop` already",
            "`put` and `try_put`",
            "`put` and `try_put`",
            "one message, `AB`",
            "one message, `AB`",
        ],
    );
}

#[test]
fn a_hook_has_one_event_and_no_arguments() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[on] fn a(&mut self) {}
                #[on(strat)] fn b(&mut self) {}
                #[on(start, stop)] fn c(&mut self) {}
                #[on(start)] #[cast] fn d(&mut self) {}
                #[on(start)] fn e(&mut self, x: u8) {}
                #[on(stop)] fn f(&mut self) -> Result<(), E> {}
                #[on(transfer)] fn g(&mut self) {}
                #[on(transfer)] fn h(&mut self) {}
            }
        }),
        &[
            "`#[on]` needs an event",
            "did you mean `start`?",
            "a hook has one event",
            "one role",
            "first role",
            "nobody sends a hook arguments",
            "nothing can fail any more",
            "two hooks",
            "first given here",
        ],
    );
}

#[test]
fn a_block_that_is_no_workers_is_re_emitted() {
    for (item, part) in [
        (quote!(impl Trait for A { #[skip] fn a() {} }), "no trait's methods"),
        (
            quote!(
                struct A;
            ),
            "goes on an impl block",
        ),
        (
            quote!(
                impl (A, B) {}
            ),
            "a worker's",
        ),
        (
            quote!(
                impl<'a> A<'a> {}
            ),
            "cannot borrow",
        ),
        (quote!(impl A { #[cast] const X: u8 = 1; fn a(&mut self) {} }), "goes on a method"),
    ] {
        let emitted = crate::handlers::attach(quote!(), item).to_string();
        assert!(emitted.contains(part) && !emitted.contains("# [skip]"), "{emitted}");
    }
}

#[test]
fn callers_of_a_mistaken_handler_find_its_name() {
    let emitted = crate::handlers::attach(
        quote!(),
        quote!(
            impl A {
                pub fn put(&mut self, key: &str, (a, b): (u8, u8)) -> u8 {}
                fn stop(&mut self) {}
            }
        ),
    );
    let emitted = emitted.to_string();
    assert!(
        emitted.contains("pub async fn put (& self , _ : impl") && emitted.contains("async fn try_put"),
        "{emitted}"
    );
    assert!(!emitted.contains("async fn stop"), "{emitted}");
}

#[test]
fn only_a_message_is_redelivered() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[redeliver] fn a(&mut self) {}
                #[redeliver(0)] fn b(&mut self) {}
                #[redeliver(1, 2)] fn c(&mut self) {}
                #[redeliver(1)] #[redeliver(2)] fn d(&mut self) {}
                #[redeliver(1)] #[on(start)] fn e(&mut self) {}
                #[skip] #[redeliver(1)] fn f(&self) {}
                #[redeliver = 3] fn g(&mut self) {}
                #[redeliver(1)] #[cast] fn h(&mut self) {}
            }
        }),
        &[
            "`#[redeliver]` needs a number",
            "`0` is out of range for `redeliver`",
            "takes one number",
            "`#[redeliver]` is given twice",
            "`#[redeliver]` is first given here",
            "`e` is no message",
            "`f` is no message",
            "`#[redeliver = ..]` is no form",
        ],
    );
}

#[test]
fn only_the_reply_of_a_call_is_early() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[reply] fn a(&mut self) {}
                #[reply(late)] fn b(&mut self) {}
                #[reply("early")] fn c(&mut self) {}
                #[reply(early, late)] fn d(&mut self) {}
                #[reply(early)] #[reply(early)] fn e(&mut self) {}
                #[reply(early)] #[on(start)] fn f(&mut self) {}
                #[skip] #[reply(early)] fn g(&self) {}
                #[reply = early] fn h(&mut self) {}
                #[reply(early)] #[cast] fn i(&mut self) {}
                #[reply(early)] #[every("1s")] fn j(&mut self) {}
                #[reply(early)] #[redeliver(1)] fn k(&mut self) {}
            }
        }),
        &[
            "`#[reply]` needs the word",
            "unknown value `late` of `reply`",
            "`reply` is a word without quotes",
            "`#[reply]` takes one word",
            "`#[reply]` is given twice",
            "`#[reply]` is first given here",
            "`f` is no message",
            "`g` is no message",
            "`#[reply = ..]` is no form",
            "a cast has no reply",
            "a tick has no reply",
        ],
    );
}

#[test]
fn the_tables_are_verified_between_two_incarnations() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[on(verify)] fn a(&mut self, tables: &mut ATables) -> Verdict {}
                #[cfg(x)] #[on(verify)] fn b() -> Verdict {}
                #[cfg(x)] #[on(verify)] async fn c(tables: &mut ATables) -> Verdict {}
                #[cfg(x)] #[on(verify)] fn d(tables: &mut ATables) {}
                #[cfg(x)] #[on(verify)] fn e(tables: &ATables, exit: &Exit) -> Verdict {}
                #[cfg(x)] #[on(verify)] fn f(exit: &Exit, tables: &mut Self::Tables, exit: &Exit) -> Verdict {}
                #[on(start)] fn g(tables: &mut ATables) {}
                #[cfg(x)] #[on(verify)] fn h(tables: &mut ATables, exit: &Exit, of: &Examined) -> Verdict {}
            }
        }),
        &[
            "so there is no `self`: take `tables: &mut ATables`",
            "looks at the tables before they pass on",
            "remove `async`",
            "return `Verdict`",
            "can take `&mut ATables` and `&Exit` or `&Examined`",
            "this is taken twice",
            "it is first taken here",
            "`g` does not take `&mut self`, so it cannot be a hook",
            "beside `&mut self`, `#[on(start)]` can take `&mut Context<Self>`",
            "this is taken twice",
            "it is first taken here",
        ],
    );
}

#[test]
fn a_tick_has_a_period() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[every]
                fn a(&mut self) {}
                #[every()]
                fn b(&mut self) {}
                #[every = "1s"]
                fn c(&mut self) {}
                #[every(100)]
                fn d(&mut self) {}
                #[every("0ms")]
                fn e(&mut self) {}
                #[every(period = "1s")]
                fn f(&mut self) {}
                #[every(missed = skip)]
                fn g(&mut self) {}
                #[every("1s" missed = skip)]
                fn h(&mut self) {}
                #[every(1.5)]
                fn i(&mut self) {}
            }
        }),
        &[
            "`#[every]` needs a period",
            "`#[every]` needs a period",
            "`#[every = ..]` is no form",
            "`#[every(100)]` has no unit: write a text such as `#[every(\"100s\")]`",
            "it is zero",
            "begins with its period, a text without a key",
            "the period comes before `missed`",
            "separate the options from it with `,`",
            "the period is a length of time",
        ],
    );
}

#[test]
fn a_tick_has_one_option() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[every("1s", missed)]
                fn a(&mut self) {}
                #[every("1s", missed = catchup)]
                fn b(&mut self) {}
                #[every("1s", mised = skip)]
                fn c(&mut self) {}
                #[every("1s", missed = skip, missed = skip)]
                fn d(&mut self) {}
                #[every("1s", mailbox = 3)]
                fn e(&mut self) {}
                #[every("1s", missed = "skip")]
                fn f(&mut self) {}
                #[every("1s", missed = skip,)]
                fn right(&mut self) {}
                #[every("1s",)]
                fn right_too(&mut self) {}
            }
        }),
        &[
            "`missed` needs a value: write `missed = skip`",
            "unknown value `catchup` of `missed`: did you mean `catch_up`?",
            "unknown option `mised` of `#[every]`: did you mean `missed`?",
            "`missed` is first given here",
            "`missed` is given twice",
            "it is one of `#[heir(..)]`",
            "`missed` is a word without quotes: write `missed = skip`",
        ],
    );
}

#[test]
fn a_tick_is_a_message_that_nobody_sends() {
    assert_mistakes(
        &of_handlers(quote! {
            impl A {
                #[every("1s")]
                fn a(&mut self, key: u64) {}
                #[every("1s")]
                fn b(&mut self) -> Result<(), Error> {}
                #[every("1s")]
                fn c(&mut self, cx: &mut Context<Self>, again: &mut Context<Self>) {}
                #[every("1s")]
                fn d(&mut self, cx: Context<Self>) {}
                #[every("1s")]
                #[cast]
                fn e(&mut self) {}
                #[every("1s")]
                #[every("2s")]
                fn f(&mut self) {}
                #[every("1s")]
                fn g(&self) {}
                #[every("1s")]
                fn try_put(&mut self) {}
                fn put(&mut self) {}
                #[every("1s")]
                fn kill(&mut self) {}
                #[every("1s")]
                fn a_b(&mut self) {}
                fn aB(&mut self) {}
            }
        }),
        &[
            "nobody sends a tick arguments",
            "nobody hears what a tick returns",
            "it is first taken here",
            "this is taken twice",
            "the context belongs to the incarnation",
            "a method has one role",
            "the method's first role is given here",
            "a method has one role",
            "the method's first role is given here",
            "`g` does not take `&mut self`",
            "`a_b` and `aB` are one message",
            "`a_b` and `aB` are one message",
        ],
    );
}
