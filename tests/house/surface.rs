//! The public surface: the root of `heir-runtime` has what every program may name, a module of its
//! own has what only some need, and no name is in two of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::{Item, ItemUse, UseTree, Visibility};

use crate::sources;

/// How many names the root has at most.
const AT_THE_ROOT: usize = 38;

/// The items of a file of `heir-runtime`.
fn items(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).expect("a file of Rust").items
}

/// The names that a file re-exports to everybody.
fn exported(file: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in items(file) {
        if let Item::Use(ItemUse { vis: Visibility::Public(_), attrs, tree, .. }) = item
            && !attrs.iter().any(|attribute| quote::quote!(#attribute).to_string().contains("hidden"))
        {
            leaves(&tree, &mut names);
        }
    }
    names
}

fn leaves(tree: &UseTree, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, names),
        UseTree::Name(name) => drop(names.insert(name.ident.to_string())),
        UseTree::Rename(rename) => drop(names.insert(rename.rename.to_string())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        UseTree::Glob(_) => panic!("a glob hides what is exported"),
    }
}

/// The public modules with what each exports, without the root.
fn modules() -> BTreeMap<String, BTreeSet<String>> {
    let src = sources("heir-runtime");
    let modules = items(&src.join("lib.rs")).into_iter().filter_map(|item| match item {
        Item::Mod(module) if matches!(module.vis, Visibility::Public(_)) => Some(module.ident.to_string()),
        _ => None,
    });
    let modules = modules.filter(|name| !name.starts_with("__")).map(|name| {
        let file = [src.join(format!("{name}.rs")), src.join(&name).join("mod.rs")];
        let file = file.into_iter().find(|file| file.exists()).expect("a file of the module");
        (name, exported(&file))
    });
    modules.collect()
}

#[test]
fn the_root_has_what_every_program_may_name_and_no_more() {
    let root = exported(&sources("heir-runtime").join("lib.rs"));
    assert!((20..=AT_THE_ROOT).contains(&root.len()), "{} names: {root:?}", root.len());
}

#[test]
fn the_prelude_is_a_part_of_the_root() {
    let root = exported(&sources("heir-runtime").join("lib.rs"));
    let prelude = &modules()["prelude"];
    assert!(prelude.len() > 10, "the prelude was not read: {prelude:?}");
    assert!(prelude.is_subset(&root), "{:?}", prelude.difference(&root));
}

#[test]
fn no_name_is_in_two_places() {
    let mut places = modules();
    places.remove("prelude");
    places.insert("the root".to_owned(), exported(&sources("heir-runtime").join("lib.rs")));
    let mut found = BTreeMap::<&String, Vec<&String>>::new();
    for (place, names) in &places {
        names.iter().for_each(|name| found.entry(name).or_default().push(place));
    }
    // The tables stand at the root, and beside all that is theirs.
    found.retain(|_, places| places.len() > 1 && !places.iter().any(|place| *place == "table"));
    assert!(found.is_empty(), "{found:?}");
}
