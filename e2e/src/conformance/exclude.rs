//! What of the suite does not apply here, and why.

/// Reasons, and the files that each leaves out, by the end of their paths.
const FILES: &[(&str, &[&str])] = &[
    (
        "EIP-7610: creates where storage is but neither nonce nor code, which genesis rules out and no block leads \
         to; revm lacks the rule",
        &[
            "stCreate2/RevertInCreateInInitCreate2Paris.json",
            "stCreate2/create2collisionStorageParis.json",
            "stExtCodeHash/dynamicAccountOverwriteEmpty_Paris.json",
            "stRevertTest/RevertInCreateInInit_Paris.json",
            "stSStoreTest/InitCollisionParis.json",
        ],
    ),
    (
        "asks a trie for the keys next to a key, which nothing here needs",
        &["TrieTests/trietestnextprev.json"],
    ),
];

/// Reasons, and the forks that each leaves out, by the suite's names.
const FORKS: &[(&str, &[&str])] = &[(
    "forks before EIP-161 keep touched empty accounts, the state here deletes them",
    &["Frontier", "Homestead", "EIP150"],
)];

/// Why a file is left out, if it is.
pub(super) fn file(path: &str) -> Option<&'static str> {
    reason(FILES, |end| path.ends_with(end))
}

/// Why a fork is left out, if it is.
pub(super) fn fork(name: &str) -> Option<&'static str> {
    reason(FORKS, |fork| fork == name)
}

fn reason(
    table: &'static [(&'static str, &'static [&'static str])],
    matches: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    let (reason, _) = table.iter().find(|(_, names)| names.iter().any(|name| matches(name)))?;
    Some(reason)
}
