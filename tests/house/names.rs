//! The documents, held against the source: ARCHITECTURE.md and the pages of `docs/decisions/` name
//! only what exists, and the map shows the layers that the imports are held to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::{RUNTIME, STRANGERS};

/// What the documents call a file is its path in the repository, or in one of these folders.
const BASES: &[&str] = &["", "heir-runtime/src", "heir-macros/src"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents, each with its name and its text.
fn documents() -> BTreeMap<String, String> {
    let folder = root().join("docs/decisions");
    let pages = fs::read_dir(folder).expect("the decisions").map(|entry| entry.expect("a page").path());
    let pages = pages.filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    pages.chain([root().join("ARCHITECTURE.md")]).map(|path| (name(&path), read(&path))).collect()
}

/// What stands between backticks, blocks of code left out.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// What a file of Rust defines.
#[derive(Default)]
struct Names {
    /// Constants, too.
    functions: BTreeSet<String>,
    /// The types and traits, each with its methods and variants.
    types: BTreeMap<String, BTreeSet<String>>,
    /// The type whose methods are being read.
    within: Option<String>,
}

impl Names {
    fn of(text: &str) -> Self {
        let mut names = Self::default();
        names.visit_file(&syn::parse_file(text).expect("a file of Rust"));
        names
    }

    fn function(&mut self, name: &syn::Ident) {
        self.functions.insert(name.to_string());
        if let Some(within) = &self.within {
            self.types.entry(within.clone()).or_default().insert(name.to_string());
        }
    }

    /// Reads on within a type, by whatever `read` does.
    fn within(&mut self, name: Option<String>, read: impl FnOnce(&mut Self)) {
        if let Some(name) = &name {
            self.types.entry(name.clone()).or_default();
        }
        let before = std::mem::replace(&mut self.within, name);
        read(self);
        self.within = before;
    }

    /// Whether what stands behind the file is defined in it: `function`, `Type` or `Type::method`.
    fn define(&self, item: &[&str]) -> bool {
        match item {
            [] => true,
            [name] => self.functions.contains(*name) || self.types.contains_key(*name),
            [name, member] => self.types.get(*name).is_some_and(|members| members.contains(*member)),
            _ => false,
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // What only tests have is nothing that a document should point at.
        if !crate::imports::is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_const(&mut self, constant: &'ast syn::ItemConst) {
        self.functions.insert(constant.ident.to_string());
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.within(None, |names| names.function(&function.sig.ident));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig.ident);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.function(&function.sig.ident);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.within(name, |names| visit::visit_item_impl(names, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.within(Some(item.ident.to_string()), |names| visit::visit_item_trait(names, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.types.entry(item.ident.to_string()).or_default();
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.types.entry(item.ident.to_string()).or_default();
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let variants = item.variants.iter().map(|variant| variant.ident.to_string());
        self.types.entry(item.ident.to_string()).or_default().extend(variants);
    }
}

/// What the files define that have been looked into.
#[derive(Default)]
struct Source(BTreeMap<PathBuf, Names>);

impl Source {
    /// Whether there is this file, or folder, and it defines this.
    fn has(&mut self, path: PathBuf, item: &[&str]) -> bool {
        if item.is_empty() || !path.is_file() {
            return item.is_empty() && path.exists();
        }
        let names = self.0.entry(path).or_insert_with_key(|path| Names::of(&read(path)));
        names.define(item)
    }

    /// Whether a type of ours with this name has this method or variant, or the type is not ours.
    fn knows(&mut self, name: &str, member: &str) -> bool {
        for base in &BASES[1..] {
            self.read_all(&root().join(base));
        }
        let mut types = self.0.values().filter_map(|names| names.types.get(name)).peekable();
        types.peek().is_none() || types.any(|members| members.contains(member))
    }

    fn read_all(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("a source").path();
            if path.is_dir() {
                self.read_all(&path);
            } else {
                self.has(path, &["anything"]);
            }
        }
    }
}

/// What a document names that is no longer there; how many files and folders it names.
fn missing(text: &str, source: &mut Source) -> (Vec<String>, usize) {
    let (mut missing, mut named) = (Vec::new(), 0);
    for name in code(text) {
        let mut parts = name.split("::");
        let file = parts.next().unwrap_or_default();
        let item: Vec<_> = parts.map(|part| part.trim_end_matches("()")).collect();
        if let ([member], true) = (&*item, file.starts_with(|c: char| c.is_ascii_uppercase()))
            && !source.knows(file, member)
        {
            missing.push(name.to_owned());
        }
        let is_path = file.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        if !is_path || !(file.ends_with(".rs") || (file.contains('/') && !file.starts_with('/'))) {
            continue;
        }
        named += 1;
        let exists = BASES.iter().any(|base| source.has(root().join(base).join(file), &item));
        if !exists {
            missing.push(name.to_owned());
        }
    }
    (missing, named)
}

#[test]
fn every_file_and_function_that_a_document_names_exists() {
    let documents = documents();
    let (mut all, mut source) = (Vec::new(), Source::default());
    for (document, text) in &documents {
        let (missing, named) = missing(text, &mut source);
        all.extend(missing.into_iter().map(|name| format!("{document}: `{name}`")));
        assert!(document != "ARCHITECTURE.md" || named > 80, "ARCHITECTURE.md was not read");
    }
    assert!(documents.len() > 30, "the decisions were not read");
    assert!(all.is_empty(), "these are named, and are not there: {all:#?}");
}

#[test]
fn a_name_that_is_gone_is_found_out() {
    let there = "`manager/mod.rs::judge` and `estate/transfer.rs::Lease::give_away`, in `table/`; \
                 `Life::serve`, `Refusal::Died`, `Duration::MAX`, `a::b`";
    let mut source = Source::default();
    assert_eq!(missing(there, &mut source), (Vec::new(), 3));
    let gone = [
        "manager/mod.rs::jugde",
        "manger/mod.rs",
        "estate/lease.rs::Seat::give_away",
        "tabel/set/",
        "Life::sevre",
    ];
    let text = gone.map(|name| format!("`{name}`")).join(", ");
    assert_eq!(missing(&text, &mut source), (gone.map(str::to_owned).to_vec(), 4));
}

/// The rows of the map: a room, and the rooms that are below it and that it does not import.
#[test]
fn the_map_shows_the_layers() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let rows = text.lines().filter(|line| line.starts_with("| `") && line.contains("/` |"));
    let rows = rows.take(RUNTIME.len()).map(|row| {
        let (room, rest) = row[3..].split_once("/` |").expect("a room");
        let strangers = rest.rsplit('|').nth(1).expect("a last cell");
        (room, code(strangers).map(|name| name.trim_end_matches('/')).collect::<Vec<_>>())
    });
    let layers = RUNTIME.iter().rev().map(|room| {
        let strangers = STRANGERS.iter().filter(|(from, _)| from == room).map(|(_, to)| *to);
        (*room, strangers.collect::<Vec<_>>())
    });
    assert_eq!(rows.collect::<Vec<_>>(), layers.collect::<Vec<_>>());
}

/// The index is how a page is found.
#[test]
fn the_index_of_the_decisions_has_each_page_once() {
    let documents = documents();
    let index = &documents["README.md"];
    for page in documents.keys().filter(|page| !["README.md", "ARCHITECTURE.md"].contains(&&***page)) {
        let links = index.matches(&format!("]({page})")).count();
        assert_eq!(links, 1, "docs/decisions/README.md links to {page} {links} times");
    }
}
