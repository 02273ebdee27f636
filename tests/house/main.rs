//! The house: which file may import which, that no two import each other, and that the documents
//! name what is there. And what is public, where.

mod imports;
mod names;
mod surface;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::Crate;

/// The folders of `heir-runtime/src`, from the bottom up: each may import those above it in this list, and no other.
const RUNTIME: &[&str] = &[
    "util",
    "process",
    "table",
    "store",
    "estate",
    "mailbox",
    "tree",
    "worker",
    "incarnation",
    "manager",
    "supervisor",
    "testing",
];

/// Folders of pages, which have no code and are no layer: they import nothing.
const PAGES: &[&str] = &["guide"];

/// Folders that stand beside each other although one is listed above the other.
const STRANGERS: &[(&str, &str)] = &[
    ("table", "process"),
    ("estate", "table"),
    ("mailbox", "table"),
    ("mailbox", "estate"),
    ("store", "process"),
    ("estate", "store"),
    ("mailbox", "store"),
    ("tree", "table"),
    ("manager", "incarnation"),
];

/// The folders of `heir-macros/src`, one for each attribute: they do not know each other, and the files beside them none of them.
const MACROS: &[&str] = &["heir", "handlers", "supervisor"];

/// What is mutual by nature, with the reason.
const MUTUAL: &[(&str, &str, &str)] = &[(
    "worker/mod.rs",
    "worker/handle.rs",
    "a handle is typed by its worker, and a worker names its handle",
)];

fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")
}

/// The folder a file is in, or `None` for one at the root of its crate.
fn folder(file: &str) -> Option<&str> {
    file.split_once('/').map(|(folder, _)| folder)
}

/// Every import, without those that are mutual by nature.
fn imports(of: &Crate) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut imports = of.imports();
    for (file, targets) in &mut imports {
        targets.retain(|target| !MUTUAL.iter().any(|(from, to, _)| (from, to) == (file, target)));
    }
    imports
}

/// A way from this file back to itself, if there is one.
fn circle<'c>(start: &'c str, imports: &BTreeMap<&'c str, BTreeSet<&'c str>>) -> Option<Vec<&'c str>> {
    let mut came_from = BTreeMap::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for target in imports.get(file).into_iter().flatten().copied() {
            if target == start {
                let mut way = vec![start, file];
                while let Some(before) = came_from.get(way[way.len() - 1]) {
                    way.push(*before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(target) {
                came_from.insert(target, file);
                open.push(target);
            }
        }
    }
    None
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for name in ["heir-runtime", "heir-macros"] {
        let read = Crate::read(&sources(name));
        let imports = imports(&read);
        let circles: Vec<_> = read.files().filter_map(|file| circle(file, &imports)).collect();
        assert!(circles.is_empty(), "in {name}, these import each other: {circles:#?}");
    }
}

#[test]
fn no_file_imports_against_the_layers() {
    let read = Crate::read(&sources("heir-runtime"));
    let rank = |folder: &str| RUNTIME.iter().position(|known| *known == folder);
    let mut against = Vec::new();
    for (file, targets) in imports(&read) {
        let Some(from) = folder(file) else { continue };
        if PAGES.contains(&from) {
            against.extend(targets.iter().map(|target| format!("the page {file} imports {target}")));
            continue;
        }
        let own = rank(from).unwrap_or_else(|| panic!("`{from}` has no place among the layers"));
        for target in targets {
            let allowed = match folder(target) {
                Some(to) => rank(to).is_some_and(|to| to <= own) && !STRANGERS.contains(&(from, to)),
                // What stands at the root knows all layers.
                None => false,
            };
            if !allowed {
                against.push(format!("{file} imports {target}"));
            }
        }
    }
    assert!(against.is_empty(), "against the layers: {against:#?}");
}

#[test]
fn the_attributes_do_not_know_each_other() {
    let read = Crate::read(&sources("heir-macros"));
    let mut against = Vec::new();
    for (file, targets) in imports(&read) {
        let from = folder(file);
        for target in targets {
            if let Some(to) = folder(target)
                && from != Some(to)
                && MACROS.contains(&to)
                && file != "lib.rs"
            {
                against.push(format!("{file} imports {target}"));
            }
        }
    }
    assert!(against.is_empty(), "against the layers: {against:#?}");
}

/// An exception that is none any more is taken out of the list.
#[test]
fn what_is_said_to_be_mutual_is() {
    let read = Crate::read(&sources("heir-runtime"));
    let imports = read.imports();
    for (from, to, reason) in MUTUAL {
        let is_there = imports.get(from).is_some_and(|targets| targets.contains(to));
        assert!(is_there, "{from} does not import {to} ({reason})");
    }
}
