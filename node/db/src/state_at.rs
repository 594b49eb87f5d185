use alloy_primitives::{B256, Bytes, U256, keccak256};
use trie::{Account, Nibbles, NodeError, NodeSource, Shape};

use crate::{
    Error, Result, Table, Tx, TxMode, codec,
    nodes::split_node,
    raw::Raw,
    table::{TableKey, node_table},
};

/// The state after a block. It costs nothing to make: a reference and a number.
#[derive(Debug)]
pub struct StateAt<'a, K: TxMode> {
    tx: &'a Tx<K>,
    height: u64,
}

impl<K: TxMode> Clone for StateAt<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: TxMode> Copy for StateAt<'_, K> {}

impl<K: TxMode> Tx<K> {
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

impl<'a, K: TxMode> StateAt<'a, K> {
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
        let key = TableKey::new(&[address.as_slice()]);
        let account = self.tx.version(Table::Accounts, &key, self.height, codec::account)?;
        Ok(account.flatten())
    }

    /// The last block at or below this height that wrote the account, and the first one above that did.
    pub fn account_writes(&self, address: &B256) -> Result<(Option<u64>, Option<u64>)> {
        self.tx.writes_around(Table::Accounts, &TableKey::new(&[address.as_slice()]), self.height)
    }

    /// A storage slot, by the hashes of the address and of the slot; zero if it was never set.
    pub fn storage(&self, address: &B256, slot: &B256) -> Result<U256> {
        let key = TableKey::slot(address, slot);
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

impl<K: TxMode> StateAt<'_, K> {
    /// A node that is stored, if the one that was stored at its path last is the one with this hash.
    fn stored_node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<Option<(Bytes, Shape)>> {
        let key = TableKey::node(owner, path);
        let decode = |record: &[u8]| {
            split_node(record)
                .map(|(shape, rlp)| (keccak256(rlp) == *hash).then(|| (Bytes::copy_from_slice(rlp), shape)))
        };
        Ok(self.tx.version(node_table(owner), &key, self.height, decode)?.flatten())
    }

    /// A node made from the accounts or slots below it.
    ///
    /// Nodes that are not stored have at most 256 of them at their height, mostly a handful. What else is read was deleted, and not
    /// pruned yet, or came later, beside them.
    fn made_node(&self, owner: Option<&B256>, path: &Nibbles) -> Result<Option<trie::Subtree>> {
        let table = if owner.is_some() { Table::Storage } else { Table::Accounts };
        let prefix = owner.map_or(&[][..], |owner| owner.as_slice());
        let first = TableKey::new(&[prefix, &path.pack()]);
        let mut cursor = self.tx.cursor(table)?;
        let mut leaves = Vec::new();
        let mut next = cursor.set_range::<Raw<'_>, Raw<'_>>(first.as_slice())?;
        while let Some((at, newest)) = next {
            let Some(hashed) = at.strip_prefix(prefix) else { break };
            let hashed = codec::only_b256(hashed).ok_or_else(|| Error::corrupt(table, &at))?;
            if !Nibbles::unpack(hashed).starts_with(path) {
                break;
            }
            let decode = |value: &[u8]| match table {
                Table::Storage => codec::uint(value)
                    .map(|value| trie::encode_storage(value).map(|rlp| rlp.as_ref().to_vec())),
                _ => codec::account(value).map(|account| account.map(|account| account.encode())),
            };
            if let Some(value) = self.tx.version_from(table, &at, newest, self.height, decode)?.flatten() {
                leaves.push((hashed, value));
            }
            next = cursor.next()?;
        }
        // Keys differ and values are not empty, so this cannot fail.
        trie::subtree(path.len(), leaves).map_err(|_| Error::corrupt(table, first.as_slice()))
    }
}

impl<K: TxMode> NodeSource for StateAt<'_, K> {
    fn node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> std::result::Result<Bytes, NodeError> {
        self.shaped_node(owner, path, hash).map(|(rlp, _)| rlp)
    }

    fn shaped_node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> std::result::Result<(Bytes, Shape), NodeError> {
        let other = |error: Error| NodeError::Other(error.to_string());
        if let Some(node) = self.stored_node(owner, path, hash).map_err(other)? {
            return Ok(node);
        }
        match self.made_node(owner, path).map_err(other)? {
            Some(made) if made.hash == *hash => Ok((made.rlp, made.shape)),
            _ => Err(NodeError::Missing { owner: owner.copied(), path: *path, hash: *hash }),
        }
    }
}
