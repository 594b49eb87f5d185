use std::{fmt, path::Path};

/// The parts of the suite that are run, each a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// State tests.
    States,
    /// Trie tests.
    Tries,
    /// Transaction tests.
    Transactions,
    /// RLP tests.
    Rlp,
}

impl Folder {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::States, Self::Tries, Self::Transactions, Self::Rlp];

    /// What the folder is called in `ethereum/tests`, and in releases of `ethereum/execution-spec-tests`, which have
    /// tests of newer forks.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::States => &["GeneralStateTests", "state_tests"],
            Self::Tries => &["TrieTests"],
            Self::Transactions => &["TransactionTests", "transaction_tests"],
            Self::Rlp => &["RLPTests"],
        }
    }

    /// Which a file is in, whose path begins in the suite's folder.
    pub(super) fn of(file: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|folder| folder.names().iter().any(|name| file.starts_with(name)))
    }

    pub(super) fn all_names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().flat_map(|folder| folder.names().iter().copied())
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names()[0])
    }
}
