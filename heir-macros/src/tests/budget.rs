//! The size of generated code: short enough to be read, as if written by hand.
//! `benches/compile/run` measures what compiling it costs.

use proc_macro2::TokenStream;
use quote::quote;

use super::{expand_heir, pretty};

fn lines(tokens: &TokenStream) -> usize {
    pretty(tokens).lines().count()
}

/// How many lines `#[handlers]` adds to its block.
fn added(handlers: &TokenStream) -> usize {
    lines(&crate::handlers::attach(quote!(), quote!(impl Counter { #handlers })))
        - lines(&quote!(impl Counter { #handlers }))
}

#[test]
fn what_is_generated_is_short() {
    let smallest = quote! {
        pub struct Counter {
            #[table(keep)] counts: HashMap<String, u64>,
        }
    };
    let of_six = quote! {
        pub struct Counter {
            #[table] counts: Table<String, u64>,
            #[table(keep)] seen: HashSet<String>,
            #[table(rollback)] queue: Vec<u64>,
            #[arg] limit: u64,
            #[fresh(Vec::new())] cache: Vec<u8>,
            name: String,
        }
    };
    let call = quote!(
        pub async fn count(&mut self, key: String, by: u64) -> u64 {}
    );
    let later = quote!(
        pub async fn count(&mut self, key: String, by: u64, reply: Reply<u64>) {}
    );
    let tick = quote!(
        #[every("100ms", missed = catch_up)]
        async fn sweep(&mut self) {}
    );
    let stored = |options: TokenStream| {
        let item = quote! {
            pub struct Counter {
                #[table] counts: Table<String, u64>,
                #[table(init = [])] seen: Table<String, u64>,
            }
        };
        lines(&expand_heir(&options, item))
    };
    let with_value = |options: TokenStream| {
        let item = quote! {
            pub struct Counter {
                #[table] counts: Table<String, u64>,
                #[table(rollback)] total: u64,
            }
        };
        lines(&expand_heir(&options, item))
    };
    let none = added(&quote!());
    let measured = [
        ("the smallest worker", lines(&expand_heir(&quote!(), smallest)), 89),
        ("a worker of six fields, one of each kind", lines(&expand_heir(&quote!(), of_six)), 163),
        ("two tables that are stored", stored(quote!(survives = process)) - stored(quote!()), 17),
        ("a table and a value", with_value(quote!(survives = process)) - with_value(quote!()), 41),
        ("no handlers", none, 30),
        ("each handler, with both its methods", added(&call) - none, 33),
        ("a handler that replies later", added(&later) - none, 34),
        ("the first tick", added(&tick) - none, 18),
    ];
    println!("| generated lines | |\n|---|---|");
    for (what, lines, _) in measured {
        println!("| {what} | {lines} |");
    }
    for (what, lines, at_most) in measured {
        assert!(lines <= at_most, "{what}: {lines} lines, and {at_most} are allowed");
    }
}
