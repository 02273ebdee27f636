//! The page on code that is not ours, held against the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What catches a panic, and what may only be called where one is caught.
const CATCH: [&str; 8] = [
    "caught(",
    "drop_caught(",
    "caught_async(",
    "wake_caught",
    "guarded(",
    "catch_unwind(",
    "CatchDrop::new(",
    "tracing::",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The first cells of the rows in a part of the page.
fn places(page: &str, title: &str) -> BTreeSet<String> {
    let part =
        page.split("\n## ").find(|part| part.starts_with(title)).unwrap_or_else(|| panic!("no `{title}`"));
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(place, _)| place.to_owned()).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The name of a function that begins in this line.
fn begins(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_item = before.split_whitespace().all(|word| {
        word.starts_with("pub") || ["async", "const", "super)", "crate)", "crate::table)"].contains(&word)
    });
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    (is_item && end > 0).then(|| &rest[..end])
}

/// The functions of a file, and those in which something is caught, its tests left out.
fn functions(source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut all, mut catching, mut here) = (BTreeSet::new(), BTreeSet::new(), None);
    for line in source.lines() {
        let line = line.trim_start();
        if line.starts_with("#[cfg(test)]") || line.starts_with("mod tests") {
            break;
        }
        if line.starts_with("//") || line.starts_with("use ") {
            continue;
        }
        if let Some(name) = begins(line) {
            all.insert(name.to_owned());
            here = Some(name.to_owned());
            // Its own name may be one of those.
            continue;
        }
        if CATCH.iter().any(|catch| line.contains(catch)) {
            catching.extend(here.clone());
        }
    }
    (all, catching)
}

#[test]
fn each_place_that_the_page_names_exists_and_each_function_that_catches_a_panic_is_named() {
    let page = fs::read_to_string(root().join("docs/decisions/code-that-is-not-ours.md")).unwrap();
    let [caught, own, locked] =
        ["Caught, under no lock", "In the user's own call", "Under a lock"].map(|title| places(&page, title));
    assert!(caught.len() > 50 && own.len() > 10 && locked.len() > 5, "the page was not read");
    let folder = root().join("heir-runtime/src");
    let (mut files, mut all, mut catching) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    sources(&folder, &mut files);
    for path in files {
        let file = path.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
        let (functions, catches) = functions(&fs::read_to_string(&path).unwrap());
        let place = |name: String| format!("{file}::{name}");
        all.extend(functions.into_iter().map(place));
        // What the others catch with, and tests.
        if file != "util/caught.rs" && !file.ends_with("/tests.rs") {
            catching.extend(catches.into_iter().map(place));
        }
    }
    for place in caught.iter().chain(&own).chain(&locked) {
        assert!(all.contains(place), "the page names `{place}`, which is not there");
    }
    let missing: Vec<_> = catching.difference(&caught).collect();
    assert!(missing.is_empty(), "the page does not name {missing:#?}: whose code is it, and what follows?");
    let nothing: Vec<_> = caught
        .difference(&catching)
        .filter(|place| !place.starts_with("util/caught.rs") && *place != "supervisor/run/mod.rs::reason_of")
        .collect();
    assert!(nothing.is_empty(), "the page names what catches nothing: {nothing:#?}");
}
