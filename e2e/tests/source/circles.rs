//! No import circles: within each crate, files import one another in one direction only, so that each can be read with
//! nothing but those below it in mind.
//!
//! An arrow goes from a file to each file whose items it names, by `use` or by a path in its code. A `pub use` is no arrow:
//! it only says where an item stands. Nor is what a module names of the modules that it lies in: they are read together.
//! Unit tests may look at everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::modules::module_file;
use e2e::sources::metadata;
use syn::{
    Attribute, Item, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// Modules of one crate, by path from its root.
type ModulePath = Vec<String>;

/// A crate as far as its files import one another.
#[derive(Default)]
struct Crate {
    /// The file of each module; inline modules have their parent's.
    files: BTreeMap<ModulePath, PathBuf>,
    /// (module, name) → the path that the module re-exports under this name.
    reexports: BTreeMap<(ModulePath, String), ModulePath>,
    /// Paths named in a module: (module, segments as written).
    named: Vec<(ModulePath, Vec<String>)>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().starts_with("test"))
    })
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut this = Self::default();
        this.module(Vec::new(), root, root.parent().expect("a folder"));
        this
    }

    /// Reads a module's file; `folder` holds its child modules' files.
    fn module(&mut self, path: ModulePath, file: &Path, folder: &Path) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.files.insert(path.clone(), file.into());
        self.items(path, &parsed.items, file, folder);
    }

    fn items(&mut self, path: ModulePath, items: &[Item], file: &Path, folder: &Path) {
        for item in items {
            match item {
                Item::Mod(module) if is_test(&module.attrs) => {}
                Item::Mod(module) => self.child(&path, module, file, folder),
                Item::Use(import) => self.import(&path, import),
                other => Names { path: &path, named: &mut self.named }.visit_item(other),
            }
        }
    }

    fn child(&mut self, parent: &ModulePath, module: &ItemMod, file: &Path, folder: &Path) {
        let name = module.ident.to_string();
        let path = [parent.as_slice(), std::slice::from_ref(&name)].concat();
        let inner = folder.join(&name);
        if let Some((_, items)) = &module.content {
            self.files.insert(path.clone(), file.into());
            self.items(path, items, file, &inner);
            return;
        }
        let found = module_file(module, folder).unwrap_or_else(|| panic!("no file of module {name}"));
        self.module(path, &found, &inner);
    }

    fn import(&mut self, path: &ModulePath, import: &ItemUse) {
        let mut leaves = Vec::new();
        flatten(&import.tree, Vec::new(), &mut leaves);
        for (segments, name) in leaves {
            if matches!(import.vis, Visibility::Inherited) {
                self.named.push((path.clone(), segments));
            } else {
                self.reexports.insert((path.clone(), name), segments);
            }
        }
    }

    /// The module in which a path as written in `from` ends; `None`: it is another crate's.
    fn resolve(&self, from: &ModulePath, segments: &[String], depth: usize) -> Option<ModulePath> {
        let mut module = from.clone();
        let mut rest = segments;
        match rest.first()?.as_str() {
            "crate" => {
                module.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {}
            first => {
                let child = [from.as_slice(), &[first.to_owned()]].concat();
                let reexported = self.reexports.contains_key(&(from.clone(), first.to_owned()));
                if !self.files.contains_key(&child) && !reexported {
                    return None;
                }
            }
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            module.pop();
            rest = &rest[1..];
        }
        while let Some(next) = rest.first() {
            let child = [module.as_slice(), std::slice::from_ref(next)].concat();
            if self.files.contains_key(&child) {
                module = child;
                rest = &rest[1..];
            } else if let Some(target) = self.reexports.get(&(module.clone(), next.clone()))
                && depth < 8
            {
                let onward = [target.as_slice(), &rest[1..]].concat();
                return self.resolve(&module, &onward, depth + 1);
            } else {
                break;
            }
        }
        Some(module)
    }

    /// File → the files that it imports from.
    fn arrows(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut arrows: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for (from, segments) in &self.named {
            let Some(to) = self.resolve(from, segments, 0) else { continue };
            if from.starts_with(&to) {
                continue;
            }
            let (from, to) = (self.files[from].as_path(), self.files[&to].as_path());
            if from != to {
                arrows.entry(from).or_default().insert(to);
            }
        }
        arrows
    }
}

/// The leaves of a `use`: the whole path, and the name that it gets here.
fn flatten(tree: &UseTree, before: Vec<String>, leaves: &mut Vec<(Vec<String>, String)>) {
    let with = |name: String| [before.as_slice(), &[name]].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, with(path.ident.to_string()), leaves),
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.last().cloned().unwrap_or_default();
            leaves.push((before, last));
        }
        UseTree::Name(name) => leaves.push((with(name.ident.to_string()), name.ident.to_string())),
        UseTree::Rename(rename) => leaves.push((with(rename.ident.to_string()), rename.rename.to_string())),
        UseTree::Glob(_) => leaves.push((before, "*".into())),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, before.clone(), leaves));
        }
    }
}

/// Collects the paths in an item's code that name more than one segment.
struct Names<'a> {
    path: &'a ModulePath,
    named: &'a mut Vec<(ModulePath, Vec<String>)>,
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.named.push((self.path.clone(), segments));
        }
        visit::visit_path(self, path);
    }
}

/// Files that reach themselves, each circle once.
fn circles<'a>(arrows: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> BTreeSet<BTreeSet<&'a Path>> {
    let reach = |start: &'a Path| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&Path> = arrows.get(start).into_iter().flatten().copied().collect();
        while let Some(file) = next.pop() {
            if seen.insert(file) {
                next.extend(arrows.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = arrows.keys().map(|file| (*file, reach(file))).collect();
    let mutual = |one: &&Path, other: &&Path| {
        reached.get(one).is_some_and(|seen| seen.contains(other))
            && reached.get(other).is_some_and(|seen| seen.contains(one))
    };
    let in_circles = arrows.keys().filter(|file| reached[**file].contains(**file));
    in_circles.map(|file| arrows.keys().filter(|other| mutual(file, other)).copied().collect()).collect()
}

/// The root files of the workspace's crates: of its library, else of its binaries.
fn roots() -> Vec<PathBuf> {
    let metadata = metadata(&["--no-deps"]).expect("cargo knows the workspace");
    let mut roots = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        for target in package["targets"].as_array().expect("targets") {
            if ["lib", "bin"].iter().any(|kind| target["kind"][0] == *kind) {
                roots.push(PathBuf::from(target["src_path"].as_str().expect("a path")));
            }
        }
    }
    roots
}

#[test]
fn no_crate_has_import_circles() {
    let roots = roots();
    assert!(roots.len() > 10, "the workspace has more crates than {roots:?}");
    let mut found = Vec::new();
    for root in &roots {
        let read = Crate::read(root);
        let arrows = read.arrows();
        for circle in circles(&arrows) {
            for from in &circle {
                for to in arrows[from].iter().filter(|to| circle.contains(*to)) {
                    found.push(format!("{} → {}", from.display(), to.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "files import one another in circles:\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_through_use_paths_and_reexports() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
    write("lib.rs", "mod a; mod b; mod c; pub use c::Third;");
    write("a.rs", "use crate::b::Second; pub struct First;");
    write("b.rs", "pub struct Second; fn f() { crate::Third::make(); }");
    write("c.rs", "pub struct Third; #[cfg(test)] mod tests { use crate::a::First; }");
    let count = |read: &Crate| circles(&read.arrows()).len();
    let root = dir.path().join("lib.rs");
    assert_eq!(count(&Crate::read(&root)), 0, "unit tests do not count");
    write("c.rs", "pub struct Third; impl Third { fn f(_: super::a::First) {} }");
    let read = Crate::read(&root);
    assert_eq!(count(&read), 1);
    assert_eq!(circles(&read.arrows()).first().expect("a circle").len(), 3);
}
