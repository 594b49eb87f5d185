//! What of the suite does not apply here, and why.

/// Tests by the end of their file's path, and the reason to leave them out.
const FILES: &[(&str, &str)] = &[
    (
        "TrieTests/trietestnextprev.json",
        "asks a trie for the keys next to a key, which nothing here needs",
    ),
    (
        "GeneralStateTests/stExtCodeHash/dynamicAccountOverwriteEmpty_Paris.json",
        STORAGE_ALONE,
    ),
    (
        "GeneralStateTests/stSStoreTest/InitCollisionParis.json",
        STORAGE_ALONE,
    ),
];

/// Forks by the suite's name, and the reason to leave them out.
const FORKS: &[(&str, &str)] = &[
    ("Frontier", BEFORE_EIP_161),
    ("Homestead", BEFORE_EIP_161),
    ("EIP150", BEFORE_EIP_161),
];

const STORAGE_ALONE: &str = "EIP-7610: creates where storage is but neither nonce nor code, which genesis rules out \
                             and no block leads to; revm lacks the rule";
const BEFORE_EIP_161: &str = "forks before EIP-161 keep touched empty accounts, the state here deletes them";

/// Why a file is left out, if it is.
pub(super) fn file(path: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|(end, _)| path.ends_with(end))
        .map(|(_, reason)| *reason)
}

/// Why a fork is left out, if it is.
pub(super) fn fork(name: &str) -> Option<&'static str> {
    FORKS
        .iter()
        .find(|(fork, _)| *fork == name)
        .map(|(_, reason)| *reason)
}
