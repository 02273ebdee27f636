//! The reference docs list exactly the options there are.

use crate::options::{CHILD, HANDLERS, HEIR, Known, SUPERVISOR, TABLE};
use crate::reserved::HANDLE;

const REFERENCE: &str = include_str!("../lib.rs");

/// The rows of the table that follows this marker in the docs, without its header.
fn rows(marker: &str) -> Vec<Vec<String>> {
    let (_, after) = REFERENCE.split_once(marker).unwrap_or_else(|| panic!("no `{marker}` in the docs"));
    let table = after.lines().map(|line| line.trim_start_matches("///").trim());
    let rows =
        table.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn assert_documented(marker: &str, known: &[Known]) {
    let documented: Vec<(String, String)> = rows(marker)
        .into_iter()
        .map(|row| (row[0].clone(), row.last().expect("a default").clone()))
        .collect();
    let expected: Vec<(String, String)> =
        known.iter().map(|option| (format!("`{}`", option.key), option.default.to_owned())).collect();
    assert_eq!(documented, expected);
}

#[test]
fn the_docs_of_heir_list_its_options() {
    assert_documented("# The options of `#[heir]`", HEIR);
}

#[test]
fn the_docs_of_handlers_list_its_options() {
    assert_documented("# The options of `#[handlers]`", HANDLERS);
}

#[test]
fn the_docs_of_supervisor_list_its_options() {
    assert_documented("# The options of `#[supervisor]`", SUPERVISOR);
}

#[test]
fn the_docs_of_supervisor_list_the_options_of_a_child() {
    assert_documented("# The options of `#[child]`", CHILD);
}

#[test]
fn the_docs_of_heir_list_the_words_of_a_table() {
    assert_documented("# The words of `#[table]`", TABLE);
}

#[test]
fn the_docs_of_handlers_list_the_names_every_handle_has() {
    let (_, after) = REFERENCE.split_once("a method every handle has: ").expect("the list of names");
    let (list, _) = after.split_once("; nor").expect("the end of the list");
    let documented: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let public: Vec<&str> = HANDLE.iter().copied().filter(|name| !name.starts_with('_')).collect();
    assert_eq!(documented, public);
}
