//! The state as a trie of tries: roots from changes, and execution straight from trie nodes.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use revm::{
    Database,
    database_interface::DBErrorMarker,
    state::{AccountInfo, Bytecode},
};
use trie::{Account, EMPTY_ROOT, NodeSink, NodeSource, Trie, TrieError};

use crate::{StateChanges, predeploys::L2_TO_L1_MESSAGE_PASSER};

/// The account trie and the storage tries in use, partly in memory.
///
/// Follows the chain block by block: [`update`](Self::update) moves it from one state root to the next and hands out the
/// new nodes. What it does not hold it resolves from a [`NodeSource`]; [`evict`](Self::evict) bounds what it holds.
#[derive(Debug)]
pub struct StateTrie {
    accounts: Trie,
    storage: BTreeMap<B256, Trie>,
    message_passer: B256,
}

impl StateTrie {
    /// A state with this root, nothing of which is in memory yet.
    pub fn new(root: B256) -> Self {
        Self {
            accounts: Trie::from_root(root),
            storage: BTreeMap::new(),
            message_passer: keccak256(L2_TO_L1_MESSAGE_PASSER),
        }
    }

    /// The account under a hashed address.
    pub fn account(
        &mut self,
        source: &impl NodeSource,
        address: &B256,
    ) -> Result<Option<Account>, TrieError> {
        Ok(self.accounts.get(source, None, address.as_slice())?.map(Account::decode).transpose()?)
    }

    /// The storage slot under a hashed key of the account under a hashed address; zero if there is none.
    pub fn slot(&mut self, source: &impl NodeSource, address: &B256, key: &B256) -> Result<U256, TrieError> {
        let Some(account) = self.account(source, address)? else { return Ok(U256::ZERO) };
        if account.storage_root == EMPTY_ROOT {
            return Ok(U256::ZERO);
        }
        let trie = storage_trie(&mut self.storage, *address, account.storage_root);
        let value = trie.get(source, Some(address), key.as_slice())?;
        Ok(value.map(trie::decode_storage).transpose()?.unwrap_or_default())
    }

    /// Applies a block's changes, fills in their storage roots, and returns the new state root.
    pub fn update(
        &mut self,
        changes: &mut StateChanges,
        source: &impl NodeSource,
        sink: &mut impl NodeSink,
    ) -> Result<B256, TrieError> {
        let mut storage = changes.storage.iter().peekable();
        let mut leaves = Vec::with_capacity(changes.accounts.len());
        for (address, account) in &mut changes.accounts {
            let slots = storage.next_if(|slots| slots.address == *address);
            let Some(account) = account else {
                self.storage.remove(address);
                leaves.push((*address, None));
                continue;
            };
            let before = self.accounts.get(source, None, address.as_slice())?;
            let before = before.map(Account::decode).transpose()?;
            let mut root = before.map_or(EMPTY_ROOT, |before| before.storage_root);
            if let Some(slots) = slots {
                if slots.wiped {
                    root = EMPTY_ROOT;
                }
                let trie = storage_trie(&mut self.storage, *address, root);
                let values: Vec<_> =
                    slots.slots.iter().map(|(key, value)| (*key, trie::encode_storage(*value))).collect();
                trie.apply(source, Some(address), &values)?;
                root = trie.commit(Some(address), sink);
            }
            account.storage_root = root;
            leaves.push((*address, Some(account.encode())));
        }
        self.accounts.apply(source, None, &leaves)?;
        Ok(self.accounts.commit(None, sink))
    }

    /// Storage root of the `L2ToL1MessagePasser`: a header's `withdrawalsRoot`.
    pub fn message_passer_root(&mut self, source: &impl NodeSource) -> Result<B256, TrieError> {
        let address = self.message_passer;
        Ok(self.account(source, &address)?.map_or(EMPTY_ROOT, |account| account.storage_root))
    }

    /// Number of nodes in memory.
    pub fn node_count(&self) -> usize {
        self.accounts.node_count() + self.storage.values().map(Trie::node_count).sum::<usize>()
    }

    /// Forgets what lies deeper than `account_depth` nibbles in the account trie, and all storage tries.
    pub fn evict(&mut self, account_depth: usize) {
        self.accounts.evict(account_depth);
        self.storage.clear();
    }
}

/// The trie of an account's storage, at this root.
fn storage_trie(tries: &mut BTreeMap<B256, Trie>, address: B256, root: B256) -> &mut Trie {
    let trie = tries.entry(address).or_insert_with(|| Trie::from_root(root));
    if trie.root() != Some(root) {
        *trie = Trie::from_root(root);
    }
    trie
}

/// What execution needs besides trie nodes.
pub trait CodeSource {
    /// The code with this keccak256.
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError>;

    /// The hash of an earlier block, among the last 256.
    fn block_hash(&self, number: u64) -> Result<B256, TrieError>;
}

/// A state read straight from trie nodes, by their hashes: what the guest runs on, with nothing but a witness.
#[derive(Debug)]
pub struct TrieState<S> {
    /// Where nodes, codes and block hashes come from.
    pub source: S,
    /// The tries.
    pub trie: StateTrie,
}

impl<S> TrieState<S> {
    /// The state with this root.
    pub fn new(root: B256, source: S) -> Self {
        Self { source, trie: StateTrie::new(root) }
    }
}

/// A [`TrieError`] as op-revm wants a database's error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct StateError(#[from] pub TrieError);

impl DBErrorMarker for StateError {}

impl<S: NodeSource + CodeSource> Database for TrieState<S> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = self.trie.account(&self.source, &keccak256(address))?;
        Ok(account.map(|account| account_info(&account)))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateError> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        Ok(bytecode(self.source.code(&code_hash)?))
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, StateError> {
        let key = keccak256(key.to_be_bytes::<32>());
        Ok(self.trie.slot(&self.source, &keccak256(address), &key)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        Ok(self.source.block_hash(number)?)
    }
}

/// The EVM's view of an account, its code still to be loaded.
pub fn account_info(account: &Account) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: None,
    }
}

/// The EVM's view of a stored code. A delegation that does not parse (EIP-7702) is plain code, which can't be written
/// since EIP-3541.
pub fn bytecode(code: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}
