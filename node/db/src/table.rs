use alloy_primitives::B256;
use trie::Nibbles;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The tables; the crate's documentation has their layouts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Table {
            $($(#[$doc])* $name),*
        }

        impl Table {
            /// The table with this number: its place in `ALL`.
            pub(crate) fn from_number(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }

            pub(crate) const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),*
                }
            }
        }
    };
}

tables! {
    /// Schema version, chain identity, heads, cursors.
    Meta,
    /// Accounts.
    Accounts,
    /// Storage slots.
    Storage,
    /// Nodes of the account trie.
    AccountNodes,
    /// Nodes of the storage tries.
    StorageNodes,
    /// Contract codes.
    Codes,
    /// What each block replaced in the tables above, for reading old state and for taking blocks away.
    History,
    /// Headers by number.
    Headers,
    /// Numbers of headers by hash.
    HeaderNumbers,
    /// Transactions and their senders.
    Bodies,
    /// Receipts.
    Receipts,
    /// Where each transaction is.
    TxLookup,
    /// Deposits' real transaction hashes, by the hashes that clients compute.
    DepositAlias,
    /// L1 blocks of the retained window.
    L1Blocks,
    /// L1→L2 messages.
    Messages,
    /// Batches.
    Batches,
    /// Batches by the last L2 block that they hold.
    BatchByBlock,
    /// Ranges of blocks whose logs are indexed.
    LogRuns,
    /// Which blocks of such a range have logs of an address or with a topic.
    LogIndex,
}

/// Longest key: that of a node of a storage trie in `History`.
const MAX_KEY: usize = 9 + 32 + 65;

/// Ends the path in a node's key, one byte a nibble. No path's key is then a prefix of another's, and a node stands
/// right after the nodes below it: the order in which a trie commits.
const PATH_END: u8 = 0x10;

/// A key, built on the stack.
#[derive(Clone, Copy)]
pub(crate) struct TableKey {
    bytes: [u8; MAX_KEY],
    len: usize,
}

impl TableKey {
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut key = Self { bytes: [0; MAX_KEY], len: 0 };
        for part in parts {
            key.push(part);
        }
        key
    }

    pub(crate) fn slot(owner: &B256, slot: &B256) -> Self {
        Self::new(&[owner.as_slice(), slot.as_slice()])
    }

    pub(crate) fn node(owner: Option<&B256>, path: &Nibbles) -> Self {
        let mut key = Self::new(&[owner.map_or(&[], |owner| owner.as_slice())]);
        for nibble in path.iter() {
            key.push(&[nibble]);
        }
        key.push(&[PATH_END]);
        key
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The table that holds the nodes of the account trie (no owner) or of an account's storage trie.
pub(crate) fn node_table(owner: Option<&B256>) -> Table {
    if owner.is_some() { Table::StorageNodes } else { Table::AccountNodes }
}
