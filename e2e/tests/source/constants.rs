//! The table of the protocol's constants says what Rust and Solidity say.

use std::{collections::BTreeSet, fs, path::Path};

use e2e::sources::{files, relative, root};
use syn::{BinOp, Expr, ImplItem, Item, Lit, Visibility};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The value of an expression of whole numbers.
fn value(expression: &Expr) -> Option<u128> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Paren(inner) => value(&inner.expr),
        Expr::Cast(cast) => value(&cast.expr),
        Expr::Binary(binary) => {
            let (left, right) = (value(&binary.left)?, value(&binary.right)?);
            match binary.op {
                BinOp::Mul(_) => left.checked_mul(right),
                BinOp::Add(_) => left.checked_add(right),
                BinOp::Sub(_) => left.checked_sub(right),
                BinOp::Shl(_) => left.checked_shl(right.try_into().ok()?),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A number that a Rust file names.
struct Constant {
    name: String,
    value: u128,
    public: bool,
}

/// The numbers of a file, those of types as `Type::NAME`, those of inline modules by their own names.
fn constants(items: &[Item]) -> Vec<Constant> {
    let public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Const(one) => found.extend(value(&one.expr).map(|value| Constant {
                name: one.ident.to_string(),
                value,
                public: public(&one.vis),
            })),
            Item::Mod(module) => {
                found.extend(constants(
                    module
                        .content
                        .iter()
                        .flat_map(|(_, items)| items)
                        .cloned()
                        .collect::<Vec<_>>()
                        .as_slice(),
                ));
            }
            Item::Impl(block) => {
                let syn::Type::Path(owner) = &*block.self_ty else { continue };
                let Some(owner) = owner.path.segments.last() else { continue };
                for item in &block.items {
                    if let ImplItem::Const(one) = item {
                        let name = format!("{}::{}", owner.ident, one.ident);
                        let public = public(&one.vis);
                        found.extend(value(&one.expr).map(|value| Constant { name, value, public }));
                    }
                }
            }
            Item::Enum(one) => {
                for variant in &one.variants {
                    let name = format!("{}::{}", one.ident, variant.ident);
                    let value = variant.discriminant.as_ref().and_then(|(_, expression)| value(expression));
                    found.extend(value.map(|value| Constant { name, value, public: false }));
                }
            }
            _ => {}
        }
    }
    found
}

fn rust(file: &Path) -> Vec<Constant> {
    let parsed = syn::parse_file(&read(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    constants(&parsed.items)
}

/// The number that a Solidity file gives a constant.
fn solidity(file: &Path, name: &str) -> Option<u128> {
    let text = read(file);
    let line =
        text.lines().find(|line| line.contains(" constant ") && line.contains(&format!(" {name} = ")))?;
    let expression = line.split_once(" = ")?.1.split_once(';')?.0;
    value(&syn::parse_str(expression).ok()?)
}

/// The rows of the table: value, Rust's place, Solidity's place.
fn rows() -> Vec<(u128, Option<String>, Option<String>)> {
    let text = read(&root().join("node/docs/constants.md"));
    let cell = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [value, _, rust, solidity] = cells[..] else { panic!("a row of four cells: {line}") };
        (value.parse().unwrap_or_else(|_| panic!("a row with a number: {line}")), cell(rust), cell(solidity))
    };
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.filter(|line| !line.starts_with("| value") && !line.starts_with("|---")).map(row).collect()
}

#[test]
fn the_documents_constants_are_those_of_rust_and_solidity() {
    let rows = rows();
    assert!(rows.len() > 30, "the table was read: {} rows", rows.len());
    for (expected, in_rust, in_solidity) in rows {
        assert!(in_rust.is_some() || in_solidity.is_some(), "a row with {expected} names no place");
        if let Some(place) = in_rust {
            let (file, name) = place.split_once(':').expect("file:NAME");
            let found = rust(&root().join(file)).into_iter().find(|constant| constant.name == name);
            assert_eq!(found.map(|constant| constant.value), Some(expected), "{place}");
        }
        if let Some(place) = in_solidity {
            let (file, name) = place.split_once(':').expect("file:NAME");
            let found = solidity(&root().join("l1-contracts/src").join(file), name);
            assert_eq!(found, Some(expected), "{place}");
        }
    }
}

#[test]
fn every_public_number_of_the_state_transition_is_in_the_table() {
    let listed: BTreeSet<String> = rows().into_iter().filter_map(|(_, rust, _)| rust).collect();
    let mut missing = Vec::new();
    for path in files("node/stf/src", &[".rs"]).expect("a folder") {
        for constant in rust(&path).into_iter().filter(|constant| constant.public) {
            let place = format!("{}:{}", relative(&path), constant.name);
            if !listed.contains(&place) {
                missing.push(place);
            }
        }
    }
    assert!(missing.is_empty(), "not in node/docs/constants.md: {missing:?}");
}
