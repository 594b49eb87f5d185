//! What a block did to the state, keyed the way the trie and the database key it.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, U256};
use trie::Account;

/// The difference between two states, by hashed keys. All lists are sorted by key and hold each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// Accounts after the block; `None` means that the account no longer exists.
    /// `storage_root` is right once the state root has been computed.
    pub accounts: Vec<(B256, Option<Account>)>,
    /// Storage by hashed address.
    pub storage: Vec<StorageChanges>,
    /// Contract codes that appeared, by their keccak256.
    pub codes: Vec<(B256, Bytes)>,
}

/// The storage slots of one account that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageChanges {
    /// keccak256 of the account's address.
    pub address: B256,
    /// Every slot the account had before is gone (only forks before Cancun do this to an existing account).
    pub wiped: bool,
    /// New value by hashed slot; zero deletes.
    pub slots: Vec<(B256, U256)>,
}
