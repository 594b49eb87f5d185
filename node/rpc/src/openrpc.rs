//! The methods as documents: OpenRPC (spec.open-rpc.org, 1.3.2) for programs, a page for people.

use serde_json::{Map, Value, json};

use super::method::Method;

/// The schemas of parameters and answers, by their names.
const SCHEMAS: &str = include_str!("schemas.json");

/// The document of some methods.
pub(crate) fn document(methods: impl Iterator<Item = Method>) -> Value {
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Recourse node",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT" },
        },
        "methods": methods.map(|method| entry(&method)).collect::<Vec<_>>(),
        "components": { "schemas": schemas() },
    })
}

pub(crate) fn schemas() -> Map<String, Value> {
    serde_json::from_str(SCHEMAS).unwrap_or_default()
}

fn entry(method: &Method) -> Value {
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let param = |(name, kind): &(&str, &str), required: bool| json!({ "name": name, "required": required, "schema": schema(kind) });
    let required = method.required.iter().map(|one| param(one, true));
    let params: Vec<_> = required.chain(method.optional.iter().map(|one| param(one, false))).collect();
    let mut entry = json!({
        "name": method.name,
        "summary": about(method),
        "paramStructure": "by-position",
        "params": params,
        "result": { "name": method.result, "schema": schema(method.result) },
    });
    if !method.limits.is_empty() {
        entry["description"] = limits(method).into();
    }
    entry
}

fn about(method: &Method) -> String {
    method.about.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn limits(method: &Method) -> String {
    let limits = method.limits.iter().map(|(most, what)| format!("{} {what}", grouped(*most)));
    format!("At most {}.", limits.collect::<Vec<_>>().join(", "))
}

/// A number with a comma in front of every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The reference of all methods, in Markdown.
#[cfg(test)]
pub(crate) fn reference(methods: &[Method], is_public: impl Fn(&str) -> bool) -> String {
    use std::fmt::Write as _;

    let namespace = |method: &Method| method.name.split(['_', '.']).next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = methods.iter().map(namespace).collect();
    names.dedup();
    let mut out = String::from(
        "# JSON-RPC: all methods\n\n\
         Made from the table that registers them (`node/rpc/src/methods`), which `rpc.discover` answers in OpenRPC's form, with \
         schemas; a test of `node/rpc` makes this page anew with `UPDATE_REFERENCE=1` and fails where it is old. Parameters \
         in brackets may be left out. Namespaces are chosen by `--rpc-api`; strangers are served the public ones. What a \
         client may have to know besides stands in [rpc.md](rpc.md), how tools are pointed at a node in \
         [tools.md](tools.md), what differs from geth in [differences.md](differences.md).\n",
    );
    for name in names {
        let kind = if is_public(&name) { "public" } else { "not public: only where it is asked for" };
        let _ = write!(
            out,
            "\n## `{name}`\n\nThis namespace is {kind}.\n\n| method | parameters | answer | |\n|---|---|---|---|\n"
        );
        for method in methods.iter().filter(|method| namespace(method) == name) {
            let required = method.required.iter().map(|(name, kind)| format!("{name}: {kind}"));
            let optional = method.optional.iter().map(|(name, kind)| format!("[{name}: {kind}]"));
            let params = required.chain(optional).collect::<Vec<_>>().join(", ");
            let limits =
                if method.limits.is_empty() { String::new() } else { format!(" {}", limits(method)) };
            let _ = writeln!(
                out,
                "| `{}` | {params} | {} | {}{limits} |",
                method.name,
                method.result,
                about(method)
            );
        }
    }
    out
}
