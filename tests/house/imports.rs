//! The imports between the files of a crate, read from their source.
//!
//! A file imports another one if it names something that is defined there: a name that is re-exported counts as one of the file that
//! defines it. `mod` lines and re-exports are no imports, and tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module of its own file, by its path in the crate: `["mailbox", "call"]`; the root's is empty.
type Module = Vec<String>;

/// The files of a crate, and which imports which.
pub(crate) struct Crate {
    files: BTreeMap<Module, File>,
}

struct File {
    /// As in `mailbox/call.rs`.
    path: String,
    /// What it re-exports: a name, and the path that leads to it.
    exports: BTreeMap<String, Vec<String>>,
    /// Modules whose names it re-exports altogether.
    globs: Vec<Vec<String>>,
    /// Every path it names.
    paths: BTreeSet<Vec<String>>,
}

impl Crate {
    /// Reads the crate with this folder of sources.
    pub(crate) fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        read(src, "lib.rs", &mut Vec::new(), &mut files);
        Self { files }
    }

    /// Its files, as in `mailbox/call.rs`.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.values().map(|file| &*file.path)
    }

    /// Who imports whom.
    pub(crate) fn imports(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut imports = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (module, file) in &self.files {
            let targets = imports.entry(&file.path).or_default();
            for path in &file.paths {
                if let Some(target) = self.resolve(module, path, 0)
                    && target.path != file.path
                {
                    targets.insert(&target.path);
                }
            }
        }
        imports
    }

    /// The file that defines what this path names, as seen from a module.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<&File> {
        assert!(depth < 32, "a re-export leads to itself: {path:?}");
        let mut module = from.clone();
        let mut rest = path;
        let mut is_first = true;
        loop {
            let file = self.files.get(&module)?;
            let Some((name, after)) = rest.split_first() else { return Some(file) };
            match name.as_str() {
                "crate" if is_first => module.clear(),
                "self" if is_first => {}
                "super" => drop(module.pop()),
                _ => {
                    let mut child = module.clone();
                    child.push(name.clone());
                    if self.files.contains_key(&child) {
                        module = child;
                    } else if let Some(target) = file.exports.get(name) {
                        let target: Vec<_> = target.iter().chain(after).cloned().collect();
                        return self.resolve(&module, &target, depth + 1);
                    } else {
                        let named = |glob: &Vec<String>| {
                            let target: Vec<_> = glob.iter().chain([name]).cloned().collect();
                            let target = self.resolve(&module, &target, depth + 1)?;
                            (target.path != file.path).then_some(target)
                        };
                        return file.globs.iter().find_map(named).or(Some(file));
                    }
                }
            }
            (rest, is_first) = (after, false);
        }
    }
}

fn read(folder: &Path, name: &str, module: &mut Module, files: &mut BTreeMap<Module, File>) {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut reader = Reader::default();
    reader.visit_file(&parsed);
    let path = name.to_owned();
    files.insert(
        module.clone(),
        File { path, exports: reader.exports, globs: reader.globs, paths: reader.paths },
    );
    let own = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let below = if module.is_empty() { String::new() } else { format!("{own}/") };
    for child in reader.modules {
        let flat = format!("{below}{child}.rs");
        let nested = format!("{below}{child}/mod.rs");
        let name = if folder.join(&flat).exists() { flat } else { nested };
        module.push(child);
        read(folder, &name, module, files);
        module.pop();
    }
}

#[derive(Default)]
struct Reader {
    modules: Vec<String>,
    exports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    paths: BTreeSet<Vec<String>>,
    /// How many modules within the file are around what is read.
    depth: usize,
}

impl Reader {
    fn read_use(&mut self, tree: &UseTree, before: &mut Vec<String>, is_export: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.read_use(&path.tree, before, is_export);
                before.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.read_use(item, before, is_export));
            }
            UseTree::Glob(_) if is_export => self.globs.push(before.clone()),
            UseTree::Glob(_) => self.name(before),
            UseTree::Name(_) | UseTree::Rename(_) => {
                let (name, as_name) = match tree {
                    UseTree::Rename(renamed) => (&renamed.ident, &renamed.rename),
                    UseTree::Name(name) => (&name.ident, &name.ident),
                    _ => unreachable!("the arms above"),
                };
                let mut path = before.clone();
                if name != "self" {
                    path.push(name.to_string());
                }
                if is_export {
                    self.exports.insert(as_name.to_string(), path);
                } else {
                    self.name(&path);
                }
            }
        }
    }

    /// A path is named. What does not start in this crate is left out.
    fn name(&mut self, path: &[String]) {
        let supers = path.iter().take_while(|name| *name == "super").count();
        match path.first().map(String::as_str) {
            // From a module within the file they lead to the file itself first.
            Some("super") if supers > self.depth => drop(self.paths.insert(path[self.depth..].to_vec())),
            Some("self") if self.depth == 0 => drop(self.paths.insert(path.to_vec())),
            Some("crate") => drop(self.paths.insert(path.to_vec())),
            _ => {}
        }
    }
}

/// Whether it is there for tests only.
pub(crate) fn is_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("test")
            || (attr.path().is_ident("cfg") && {
                let condition = quote::ToTokens::to_token_stream(&attr.meta).to_string();
                condition.contains("test")
            })
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attrs: &[Attribute] = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if is_test(attrs) {
            return;
        }
        match item {
            Item::Mod(module) if module.content.is_none() => self.modules.push(module.ident.to_string()),
            Item::Mod(_) => {
                self.depth += 1;
                visit::visit_item(self, item);
                self.depth -= 1;
            }
            Item::Use(used) => {
                let is_export = self.depth == 0 && !matches!(used.vis, Visibility::Inherited);
                self.read_use(&used.tree, &mut Vec::new(), is_export);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        if !is_test(&method.attrs) {
            visit::visit_impl_item_fn(self, method);
        }
    }

    fn visit_visibility(&mut self, _visibility: &'ast Visibility) {
        // `pub(super)` names nothing that is used.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.name(&names);
        }
        visit::visit_path(self, path);
    }
}
