//! States to execute on.

use std::collections::{HashMap, HashSet};

use alloy::primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{self, AddressMap, U256Map},
};
use db::{Reader, StateAt, TxMode};
use revm::{
    Database,
    database_interface::DBErrorMarker,
    state::{AccountInfo, Bytecode},
};
use stf::{
    Touched,
    state::{account_info, bytecode},
};

/// Most accounts, and most slots, in the hot cache: some 100 MB at the very most. When it is full it starts afresh,
/// which costs a database read per entry.
const CACHE_ENTRIES: usize = 200_000;

/// Most codes in the hot cache; analysed code takes up to twice its 24 KiB.
const CACHE_CODES: usize = 512;

/// A database error as revm wants it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoredStateError(#[from] pub db::Error);

impl DBErrorMarker for StoredStateError {}

/// The state after a block, with its own snapshot of the database. Reads go straight to it.
#[derive(Debug)]
pub struct StateView {
    reader: Reader,
    height: u64,
}

impl StateView {
    /// The state after block `height`, if the snapshot has it.
    pub fn new(reader: Reader, height: u64) -> Result<Self, db::Error> {
        reader.state_at(height)?;
        Ok(Self { reader, height })
    }

    /// The height.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// The snapshot.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The state for proofs and single reads.
    pub fn at(&self) -> Result<StateAt<'_, db::ReadOnly>, db::Error> {
        self.reader.state_at(self.height)
    }
}

impl Database for StateView {
    type Error = StoredStateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StoredStateError> {
        Ok(self.at()?.account(&keccak256(address))?.map(|account| account_info(&account)))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StoredStateError> {
        Ok(bytecode(self.reader.code(&code_hash)?))
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, StoredStateError> {
        let key = keccak256(key.to_be_bytes::<32>());
        Ok(self.at()?.storage(&keccak256(address), &key)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StoredStateError> {
        Ok(self.at()?.block_hash(number)?)
    }
}

/// Accounts, slots and codes of the head state that were used lately.
#[derive(Debug, Default)]
pub(super) struct HotState {
    accounts: HashMap<Address, Option<AccountInfo>, alloy::primitives::map::DefaultHashBuilder>,
    /// Slots by account, and how many there are.
    storage: AddressMap<U256Map<U256>>,
    slots: usize,
    codes: HashMap<B256, Bytecode, alloy::primitives::map::DefaultHashBuilder>,
    /// Accounts whose slots in the database no longer count, though they are still there.
    wiped: HashSet<Address, alloy::primitives::map::DefaultHashBuilder>,
}

impl HotState {
    /// Forgets everything that depends on the head.
    pub(super) fn clear(&mut self) {
        self.accounts.clear();
        self.forget_storage();
        self.wiped.clear();
    }

    /// Makes ready for blocks on a database that has everything so far. Starts afresh where there is too much.
    pub(super) fn begin(&mut self) {
        self.wiped.clear();
        self.shrink();
    }

    /// Takes over the codes that a block deployed.
    pub(super) fn deployed(&mut self, codes: &[(B256, Bytes)]) {
        self.codes.extend(codes.iter().map(|(hash, code)| (*hash, bytecode(code.clone()))));
    }

    /// Takes over what a block did to an account.
    pub(super) fn update(&mut self, touched: Touched<'_>) {
        let Touched { address, account, wiped, slots } = touched;
        self.accounts.insert(address, account.cloned());
        if wiped {
            self.slots -= self.storage.remove(&address).map_or(0, |slots| slots.len());
            self.wiped.insert(address);
        }
        let known = self.storage.entry(address).or_default();
        let before = known.len();
        known.extend(slots);
        self.slots += known.len() - before;
    }

    fn forget_storage(&mut self) {
        self.storage.clear();
        self.slots = 0;
    }

    fn shrink(&mut self) {
        if self.accounts.len() > CACHE_ENTRIES {
            self.accounts.clear();
        }
        // An account without slots in it counts as one.
        if self.slots + self.storage.len() > CACHE_ENTRIES {
            self.forget_storage();
        }
        if self.codes.len() > CACHE_CODES {
            self.codes.clear();
        }
    }
}

/// The head state during a write, read through the hot cache.
#[derive(Debug)]
pub struct HeadState<'a, K: TxMode> {
    at: StateAt<'a, K>,
    /// Hashes of blocks above `at`. What these changed is in the hot cache.
    above: &'a [B256],
    hot: &'a mut HotState,
}

impl<'a, K: TxMode> HeadState<'a, K> {
    pub(super) fn new(at: StateAt<'a, K>, above: &'a [B256], hot: &'a mut HotState) -> Self {
        Self { at, above, hot }
    }

    /// The root of an account's storage before the block; zero if there was no such account.
    pub fn storage_root(&self, address: &Address) -> Result<B256, StoredStateError> {
        let account = self.at.account(&keccak256(address))?;
        Ok(account.map_or(B256::ZERO, |account| account.storage_root))
    }

    pub(super) fn hot(&mut self) -> &mut HotState {
        self.hot
    }
}

impl<K: TxMode> Database for HeadState<'_, K> {
    type Error = StoredStateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StoredStateError> {
        if let Some(account) = self.hot.accounts.get(&address) {
            return Ok(account.clone());
        }
        let account = self.at.account(&keccak256(address))?.map(|account| account_info(&account));
        self.hot.accounts.insert(address, account.clone());
        Ok(account)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StoredStateError> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.hot.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = bytecode(self.at.code(&code_hash)?);
        self.hot.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, StoredStateError> {
        match self.hot.storage.entry(address).or_default().entry(key) {
            map::Entry::Occupied(value) => Ok(*value.get()),
            map::Entry::Vacant(vacant) => {
                let value = if self.hot.wiped.contains(&address) {
                    U256::ZERO
                } else {
                    self.at.storage(&keccak256(address), &keccak256(key.to_be_bytes::<32>()))?
                };
                self.hot.slots += 1;
                Ok(*vacant.insert(value))
            }
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StoredStateError> {
        let above = number.checked_sub(self.at.height() + 1).and_then(|index| usize::try_from(index).ok());
        match above.and_then(|index| self.above.get(index)) {
            Some(hash) => Ok(*hash),
            None => Ok(self.at.block_hash(number)?),
        }
    }
}
