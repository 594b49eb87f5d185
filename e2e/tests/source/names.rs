//! One word for one thing: no two types of one name, and no word that the glossary replaces by another.

use std::{collections::BTreeMap, fs};

use e2e::sources::{files, relative, root};
use syn::{Attribute, File, Item, Visibility};

/// Names that several types may have, and why.
const SHARED: &[(&str, &str)] = &[
    ("Cli", "the command line of each binary, as clap's users call it"),
    ("Command", "the commands of each binary, as clap's users call them"),
];

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// The names of types that other files can see, outside unit tests.
fn types(items: &[Item], found: &mut Vec<String>) {
    for item in items {
        let (visibility, name) = match item {
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Union(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            Item::Type(item) => (&item.vis, &item.ident),
            Item::Mod(module) if !is_test(&module.attrs) => {
                if let Some((_, items)) = &module.content {
                    types(items, found);
                }
                continue;
            }
            _ => continue,
        };
        if !matches!(visibility, Visibility::Inherited) {
            found.push(name.to_string());
        }
    }
}

fn parse(text: &str) -> File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Name → the files that define a type of that name.
fn defined() -> BTreeMap<String, Vec<String>> {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files("", &[".rs"]).expect("the repository") {
        let path = relative(&file);
        // Tests, examples and benchmarks are read by themselves.
        let is_code = path.contains("src/") && !path.contains("/tests/") && !path.ends_with("/tests.rs");
        if is_code {
            let mut names = Vec::new();
            types(&parse(&fs::read_to_string(&file).expect("readable")).items, &mut names);
            names.into_iter().for_each(|name| defined.entry(name).or_default().push(path.clone()));
        }
    }
    defined
}

#[test]
fn no_two_types_share_a_name() {
    let defined = defined();
    assert!(defined.len() > 300, "{} types found", defined.len());
    let is_shared = |name: &str| SHARED.iter().any(|(shared, _)| name == *shared);
    let doubles: Vec<String> = defined
        .iter()
        .filter(|(name, places)| places.len() > 1 && !is_shared(name))
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(doubles.is_empty(), "types of one name:\n{}", doubles.join("\n"));
    for (name, _) in SHARED {
        assert!(defined.get(*name).is_some_and(|places| places.len() > 1), "{name} needs no exception");
    }
}

#[test]
fn types_are_found_in_modules_but_not_in_unit_tests() {
    let text = "pub struct A; enum B {} pub(crate) trait C {} mod m { pub(super) type D = u8; }
        #[cfg(test)] mod tests { pub struct E; }";
    let mut found = Vec::new();
    types(&parse(text).items, &mut found);
    assert_eq!(found, ["A", "C", "D"]);
}

/// The glossary's table of words that are not used, as (word, the word to use).
fn replaced() -> Vec<(String, String)> {
    let glossary = fs::read_to_string(root().join("node/docs/glossary.md")).expect("the glossary");
    let (_, section) = glossary.split_once("## Words that are not used").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows =
        section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.skip(1).map(|(word, instead)| (word.to_lowercase(), instead.to_owned())).collect()
}

/// Whether a line has these words, whole, in any case.
fn has(line: &str, words: &str) -> bool {
    let line = line.to_lowercase();
    let is_end = |next: Option<char>| !next.is_some_and(char::is_alphanumeric);
    line.match_indices(words).any(|(at, _)| {
        is_end(line[..at].chars().next_back()) && is_end(line[at + words.len()..].chars().next())
    })
}

#[test]
fn words_that_the_glossary_replaces_occur_nowhere() {
    let replaced = replaced();
    assert!(replaced.len() > 5, "{replaced:?}");
    let mut found = Vec::new();
    for file in files("", &[".rs", ".sol", ".md", ".sh", ".toml", "Makefile"]).expect("the repository") {
        let path = relative(&file);
        // The list itself, and what tests it.
        if ["node/docs/glossary.md", "e2e/tests/source/names.rs"].contains(&path.as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable");
        for (number, line) in (1..).zip(text.lines()) {
            for (word, instead) in replaced.iter().filter(|(word, _)| has(line, word)) {
                found.push(format!("{path}:{number}: {word:?}, write {instead}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_whole_words_count() {
    assert!(has("A Watchtower, and", "watchtower") && has("let is_lawful = 1", "lawful"));
    assert!(!has("unlawful", "lawful") && !has("lawfully", "lawful"));
}
