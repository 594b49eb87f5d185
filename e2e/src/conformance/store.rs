//! Where a state test's state stands: in a database, and in what was recorded of it.

use std::cell::RefCell;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Sealable, Sealed, U256, keccak256, map::B256Map};
use anyhow::{Context, Result, ensure};
use db::{BlockRecord, Database, Identity, NodeBuffer, Options, StateAt, TxMode, Writer};
use revm::state::{AccountInfo, Bytecode};
use stf::{
    StateChanges, StateTrie,
    state::{CodeSource, StateError, account_info, bytecode},
};
use tempfile::TempDir;
use trie::{Nibbles, NodeError, NodeSource, Recorder, TrieError, Witness};

/// A folder with a database in which states come and go.
pub(super) struct Store {
    // Before the folder, so that it closes first.
    database: Database,
    _folder: TempDir,
}

impl Store {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let identity =
            Identity { l1_chain_id: 1, l2_chain_id: 1, genesis_hash: B256::ZERO, config_hash: B256::ZERO };
        let options = Options { max_size: 4 << 30, ..Options::default() };
        Ok(Self { database: Database::open(folder.path(), &identity, &options)?, _folder: folder })
    }

    /// Begins a chain whose genesis state differs from the empty one by `changes`. It goes when it is dropped.
    pub(super) fn begin(&self, mut changes: StateChanges) -> Result<TestChain> {
        let mut nodes = NodeBuffer::new();
        let root = StateTrie::new(trie::EMPTY_ROOT).update(&mut changes, &(), &mut nodes)?;
        let header = Header { state_root: root, ..Header::default() }.seal_slow();
        let mut writer = self.database.write()?;
        writer.append_genesis(&record(&header, &changes, &nodes))?;
        Ok(TestChain { writer, genesis: header })
    }
}

/// A chain of at most two blocks: the state before, and the state after.
pub(super) struct TestChain {
    writer: Writer,
    genesis: Sealed<Header>,
}

impl TestChain {
    /// The state before.
    pub(super) fn before(&self) -> Result<StateAt<'_, impl TxMode + use<>>> {
        Ok(self.writer.state_at(0)?)
    }

    /// Root of the state before.
    pub(super) fn root(&self) -> B256 {
        self.genesis.state_root
    }

    /// Adds a block with these changes, which lead to this root, checks that it reads back, and takes it away.
    pub(super) fn check_block(
        &mut self,
        root: B256,
        changes: &StateChanges,
        nodes: &NodeBuffer,
    ) -> Result<()> {
        let header =
            Header { number: 1, parent_hash: self.genesis.hash(), state_root: root, ..Header::default() };
        self.writer.append_block(&record(&header.seal_slow(), changes, nodes))?;
        check(self.writer.state_at(1)?, root, changes)?;
        self.writer.truncate_above(0)?;
        ensure!(self.writer.state_at(1).is_err(), "the block is still there after truncation");
        Ok(())
    }
}

fn record<'a>(
    header: &'a Sealed<Header>,
    changes: &'a StateChanges,
    nodes: &'a NodeBuffer,
) -> BlockRecord<'a> {
    BlockRecord { header, transactions: &[], hashes: &[], senders: &[], receipts: &[], changes, nodes }
}

/// Compares what changed with what the database has: by its keys, and by its nodes from the root on.
fn check<K: TxMode>(state: StateAt<'_, K>, root: B256, changes: &StateChanges) -> Result<()> {
    let mut trie = StateTrie::new(root);
    for (address, account) in &changes.accounts {
        ensure!(state.account(address)? == *account, "account {address} differs when read back");
        ensure!(trie.account(&state, address)? == *account, "account {address} differs in the trie");
    }
    for storage in &changes.storage {
        let exists = changes
            .accounts
            .iter()
            .any(|(address, account)| *address == storage.address && account.is_some());
        for (slot, value) in &storage.slots {
            let expected = if exists { *value } else { U256::ZERO };
            let found = state.storage(&storage.address, slot)?;
            ensure!(found == *value, "slot {slot} of {} is {found}, not {value}", storage.address);
            let found = trie.slot(&state, &storage.address, slot)?;
            ensure!(found == expected, "slot {slot} of {} is {found} in the trie", storage.address);
        }
    }
    for (hash, code) in &changes.codes {
        ensure!(state.code(hash)? == *code && keccak256(code) == *hash, "code {hash} differs");
    }
    Ok(())
}

/// The suite's hash of an earlier block: that of its decimal number.
fn block_hash(number: u64) -> B256 {
    keccak256(number.to_string())
}

fn failed(error: db::Error) -> TrieError {
    NodeError::Other(error.to_string()).into()
}

/// The database's accounts, slots and codes, as revm reads a state.
pub(super) struct Stored<'a, K: TxMode>(pub(super) StateAt<'a, K>);

impl<K: TxMode> revm::Database for Stored<'_, K> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = self.0.account(&keccak256(address)).map_err(failed)?;
        Ok(account.as_ref().map(account_info))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        Ok(bytecode(self.0.code(&hash).map_err(failed)?))
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, StateError> {
        let slot = keccak256(key.to_be_bytes::<32>());
        Ok(self.0.storage(&keccak256(address), &slot).map_err(failed)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        Ok(block_hash(number))
    }
}

/// The database's nodes and codes, noting which are read.
pub(super) struct Recording<'a, K: TxMode> {
    nodes: Recorder<StateAt<'a, K>>,
    codes: RefCell<B256Map<Bytes>>,
}

impl<'a, K: TxMode> Recording<'a, K> {
    pub(super) fn new(state: StateAt<'a, K>) -> Self {
        Self { nodes: Recorder::new(state), codes: RefCell::default() }
    }

    /// What was read. Every node stands under the hash that it really has.
    pub(super) fn into_recorded(self) -> Recorded {
        let nodes = self.nodes.into_witness().into_sorted();
        Recorded { nodes: nodes.into_iter().map(|(_, rlp)| rlp).collect(), codes: self.codes.into_inner() }
    }
}

impl<K: TxMode> NodeSource for Recording<'_, K> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        self.nodes.node(owner, path, hash)
    }
}

impl<K: TxMode> CodeSource for Recording<'_, K> {
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError> {
        let code = self.nodes.source().code(hash).map_err(failed)?;
        self.codes.borrow_mut().insert(*hash, code.clone());
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, TrieError> {
        Ok(block_hash(number))
    }
}

/// A witness: trie nodes and codes, and nothing else.
pub(super) struct Recorded {
    nodes: Witness,
    codes: B256Map<Bytes>,
}

impl NodeSource for Recorded {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        self.nodes.node(owner, path, hash)
    }
}

impl CodeSource for Recorded {
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError> {
        let code = self.codes.get(hash).cloned();
        code.with_context(|| format!("code {hash} is not in the witness"))
            .map_err(|error| NodeError::Other(error.to_string()).into())
    }

    fn block_hash(&self, number: u64) -> Result<B256, TrieError> {
        Ok(block_hash(number))
    }
}
