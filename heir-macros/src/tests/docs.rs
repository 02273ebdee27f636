//! The reference docs list exactly the options that exist, and their examples of expansions are
//! right.

use proc_macro2::TokenStream;
use quote::quote;

use super::{expand_heir, expand_supervisor, pretty};
use crate::options::{CHILD, EVERY, HANDLERS, HEIR, Known, SUPERVISOR, TABLE};
use crate::reserved::HANDLE;

const OF_HEIR: &str = include_str!("../../docs/heir.md");
const OF_HANDLERS: &str = include_str!("../../docs/handlers.md");
const OF_SUPERVISOR: &str = include_str!("../../docs/supervisor.md");

/// The rows of the table after this marker in the docs, without the header.
fn rows(docs: &str, marker: &str) -> Vec<Vec<String>> {
    let (_, after) = docs.split_once(marker).unwrap_or_else(|| panic!("no `{marker}` in the docs"));
    let table = after.lines();
    let rows =
        table.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Whether this is a version as in `0.1`: released, or the next to be.
fn is_a_version(since: &str) -> bool {
    let mut numbers = since.split('.').map(str::parse::<u32>);
    let now = [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR")];
    let now = now.map(|number| number.parse::<u32>().expect("a number"));
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor)), None) => [major, minor] <= now,
        _ => false,
    }
}

fn assert_documented(docs: &str, marker: &str, known: &[Known]) {
    let documented: Vec<(String, String)> = rows(docs, marker)
        .into_iter()
        .map(|row| match row.as_slice() {
            [key, _, _, default, since] => {
                assert!(is_a_version(since), "{key} has been there since `{since}`");
                (key.clone(), default.clone())
            }
            row => panic!("a row of key, where, value, default, since: {row:?}"),
        })
        .collect();
    let expected: Vec<(String, String)> =
        known.iter().map(|option| (format!("`{}`", option.key), option.default.to_owned())).collect();
    assert_eq!(documented, expected);
}

#[test]
fn the_docs_of_heir_list_its_options() {
    assert_documented(OF_HEIR, "# The options of `#[heir]`", HEIR);
}

#[test]
fn the_docs_of_handlers_list_its_options() {
    assert_documented(OF_HANDLERS, "# The options of `#[handlers]`", HANDLERS);
}

#[test]
fn the_docs_of_handlers_list_the_options_of_a_tick() {
    assert_documented(OF_HANDLERS, "# The options of `#[every]`", EVERY);
}

#[test]
fn the_docs_of_supervisor_list_its_options() {
    assert_documented(OF_SUPERVISOR, "# The options of `#[supervisor]`", SUPERVISOR);
}

#[test]
fn the_docs_of_supervisor_list_the_options_of_a_child() {
    assert_documented(OF_SUPERVISOR, "# The options of `#[child]`", CHILD);
}

#[test]
fn the_docs_of_heir_list_the_words_of_a_table() {
    assert_documented(OF_HEIR, "# The words of `#[table]`", TABLE);
}

#[test]
fn the_docs_of_handlers_list_the_names_every_handle_has() {
    let (_, after) = OF_HANDLERS.split_once("a method every handle has: ").expect("the list of names");
    let (list, _) = after.split_once("; nor").expect("the end of the list");
    let documented: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let public: Vec<&str> = HANDLE.iter().copied().filter(|name| !name.starts_with('_')).collect();
    assert_eq!(documented, public);
}

/// The block of code in the docs after this marker.
fn block(docs: &str, marker: &str) -> String {
    let (_, after) = docs.split_once(marker).unwrap_or_else(|| panic!("no `{marker}` in the docs"));
    let block = after
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1)
        .take_while(|line| !line.starts_with("```"));
    block.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The code without paths, and without differences of formatting.
fn bare(code: &str) -> String {
    let mut code: String = code.split_whitespace().collect();
    for path in [
        "::heir_runtime::by_hand::",
        "::heir_runtime::estate::",
        "::heir_runtime::links::",
        "::heir_runtime::store::",
        "::heir_runtime::supervision::",
        "::heir_runtime::table::",
        "::heir_runtime::",
        "::core::clone::",
        "::core::convert::",
        "::core::fmt::",
        "::core::future::",
        "::core::marker::",
        "::core::ops::",
        "::core::result::",
        "::std::vec::",
    ] {
        code = code.replace(path, "");
    }
    code.replace(",)", ")").replace(",>", ">").replace(",}", "}")
}

/// Asserts that each item and each signature in the block is in an expansion.
fn assert_generated(block: &str, expansions: &[TokenStream]) {
    let generated: String = expansions.iter().map(pretty).collect();
    let generated = bare(&generated);
    let documented = block
        .split(['{', '}', ';', '\n'])
        .flat_map(|part| part.split(".."))
        .map(|part| bare(part.trim_end_matches(',')));
    for part in documented.filter(|part| !part.trim_end_matches("->").is_empty()) {
        let part = part.trim_end_matches("->");
        assert!(generated.contains(part), "`{part}` is in the docs, and nowhere in\n{generated}");
    }
}

#[test]
fn the_docs_of_heir_say_what_is_generated() {
    let item = quote! {
        pub struct Counter {
            #[table]
            pub counts: Table<String, u64>,
            #[arg]
            limits: Limits,
        }
    };
    let with_a_value = quote!(
        pub struct Counter {
            #[table(rollback)]
            total: u64,
        }
    );
    let block = block(OF_HEIR, "# What is generated");
    let stored = quote!(mailbox = 1, survives = process);
    assert_generated(&block, &[expand_heir(&stored, item), expand_heir(&stored, with_a_value)]);
}

#[test]
fn the_docs_of_handlers_say_what_is_generated() {
    let item = quote! {
        impl Counter {
            pub async fn count(&mut self, key: String) -> u64 {}
            #[cast]
            pub fn forget(&mut self, key: String) {}
        }
    };
    let expansion = [crate::handlers::attach(quote!(), item)];
    for section in ["# What is generated", "## Calls", "## `#[cast]`"] {
        let block = block(OF_HANDLERS, section);
        // What the user writes has its mark.
        assert_generated(&block.replace("#[cast]", ""), &expansion);
    }
}

#[test]
fn the_docs_of_supervisor_say_what_is_generated() {
    let tree = quote! {
        pub struct App {
            #[child(args(limits: Limits))]
            counter: Counter,
            io: Io,
            sessions: Dynamic<u64, Session>,
        }
    };
    let no_args = quote!(
        pub struct App {
            io: Io,
        }
    );
    let block = block(OF_SUPERVISOR, "# What is generated");
    assert_generated(&block, &[expand_supervisor(&quote!(), tree), expand_supervisor(&quote!(), no_args)]);
}
