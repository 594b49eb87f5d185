use alloy_primitives::{B256, Bytes, U256, keccak256};
use trie::{Account, Nibbles, NodeError, NodeSource};

use crate::{
    Error, Kind, Result, Table, Tx, codec,
    table::{Key, node_table},
};

/// The state after a block. It costs nothing to make: a reference and a number.
#[derive(Debug)]
pub struct StateAt<'a, K: Kind> {
    tx: &'a Tx<K>,
    height: u64,
}

impl<K: Kind> Clone for StateAt<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for StateAt<'_, K> {}

impl<K: Kind> Tx<K> {
    /// The state after block `height`, if the database still has, or already has, that.
    pub fn state_at(&self, height: u64) -> Result<StateAt<'_, K>> {
        let oldest = self.oldest_state()?;
        match self.last_number(Table::Headers)? {
            Some(newest) if (oldest..=newest).contains(&height) => Ok(StateAt { tx: self, height }),
            newest => Err(Error::NoState { height, oldest, newest: newest.unwrap_or(0) }),
        }
    }

    /// A contract's code by its hash. The empty code is known without being stored.
    pub fn code(&self, hash: &B256) -> Result<Bytes> {
        if *hash == alloy_primitives::KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        let code = self.get_raw(Table::Codes, hash.as_slice())?.ok_or(Error::NoCode(*hash))?;
        Ok(Bytes::copy_from_slice(&code))
    }
}

impl<'a, K: Kind> StateAt<'a, K> {
    /// The height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The transaction that this reads through.
    pub fn tx(&self) -> &'a Tx<K> {
        self.tx
    }

    /// The account whose address has this hash.
    pub fn account(&self, address: &B256) -> Result<Option<Account>> {
        let key = Key::new(&[address.as_slice()]);
        let account = self.tx.version(Table::Accounts, &key, self.height, codec::account)?;
        Ok(account.flatten())
    }

    /// A storage slot, by the hashes of the address and of the slot; zero if it was never set.
    pub fn storage(&self, address: &B256, slot: &B256) -> Result<U256> {
        let key = Key::slot(address, slot);
        let value = self.tx.version(Table::Storage, &key, self.height, codec::uint)?;
        Ok(value.unwrap_or_default())
    }

    /// A contract's code by its hash.
    pub fn code(&self, hash: &B256) -> Result<Bytes> {
        self.tx.code(hash)
    }

    /// The hash of a block at or below this height.
    pub fn block_hash(&self, number: u64) -> Result<B256> {
        if number > self.height {
            return Err(Error::NoBlock(number));
        }
        self.tx.block_hash(number)?.ok_or(Error::NoBlock(number))
    }
}

impl<K: Kind> NodeSource for StateAt<'_, K> {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> std::result::Result<Bytes, NodeError> {
        let key = Key::node(owner, path);
        let rlp = self
            .tx
            .version(node_table(owner), &key, self.height, |rlp| Some(Bytes::copy_from_slice(rlp)))
            .map_err(|error| NodeError::Other(error.to_string()))?;
        let verify = self.tx.verify || cfg!(debug_assertions);
        rlp.filter(|rlp| !verify || keccak256(rlp) == *hash).ok_or_else(|| NodeError::Missing {
            owner: owner.copied(),
            path: *path,
            hash: *hash,
        })
    }
}
