//! Errors are printed with their causes, one after the other. So an error that says its cause in its own words must not
//! name it as its cause too: it would be there twice.

use std::fs;

use e2e::sources::files;

/// Whether a message says what a field holds that is a cause: by `thiserror`'s rules one with `from` or `source` before
/// it, or of that name.
fn says_its_cause(message: &str, fields: &str) -> bool {
    let marked = ["#[from]", "#[source]"].iter().any(|mark| fields.contains(mark));
    let first = ["{0", "(.0"].iter().any(|place| message.contains(place));
    message.contains("{source") || (marked && first)
}

#[test]
fn no_error_says_its_cause_twice() {
    let folders = ["node", "fraud-prover", "l1-contracts/bindings", "testnet", "e2e/src"];
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in folders.into_iter().flat_map(|folder| files(folder, &[".rs"]).expect("a folder")) {
        let text = fs::read_to_string(&file).expect("a source");
        for part in text.split("#[error(").skip(1) {
            let Some((message, rest)) = part.split_once(")]") else { continue };
            // Up to the next variant or item: fields end with their bracket.
            let end = ["),\n", "},\n", ");\n", "}\n"].iter().filter_map(|end| rest.find(end)).min();
            let fields = &rest[..end.unwrap_or(rest.len())];
            seen += 1;
            if says_its_cause(message, fields) {
                wrong.push(format!("{}: {message}", file.display()));
            }
        }
    }
    assert!(seen > 100, "only {seen} messages");
    assert!(wrong.is_empty(), "these would be printed twice: {wrong:#?}");
}
