//! The state as the transactions of one block have left it so far, over the state before the block.

use alloc::vec::Vec;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{self, AddressMap, B256Map, U256Map},
};
use revm::{
    Database,
    database_interface::DatabaseCommit,
    state::{Account as EvmAccount, AccountInfo, Bytecode},
};
use trie::{Account, keccak256_batch};

use crate::{StateChanges, StorageChanges};

/// A write-back cache over a [`Database`] that knows at any time what differs from it.
///
/// Deletes touched empty accounts (EIP-161), and handles self-destruction as every fork does.
#[derive(Debug)]
pub struct Overlay<DB> {
    inner: DB,
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    new_codes: Vec<(B256, Bytes)>,
}

/// An account that a block changed, as it is now.
pub struct Touched<'a> {
    /// Its address.
    pub address: Address,
    /// `None` if it no longer exists.
    pub account: Option<&'a AccountInfo>,
    /// Slots that are not among `slots` are zero now.
    pub wiped: bool,
    /// The slots that the block changed, with their values now.
    pub slots: &'a mut dyn Iterator<Item = (U256, U256)>,
}

#[derive(Debug, Default)]
struct Entry {
    /// As the database has it; `None` if it does not exist.
    original: Option<AccountInfo>,
    current: Option<AccountInfo>,
    slots: U256Map<Slot>,
    /// The slots in the database no longer count.
    wiped: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    original: U256,
    current: U256,
}

impl<DB: Database> Overlay<DB> {
    /// An overlay without changes.
    pub fn new(inner: DB) -> Self {
        Self { inner, accounts: Default::default(), codes: Default::default(), new_codes: Vec::new() }
    }

    /// The database underneath.
    pub fn inner_mut(&mut self) -> &mut DB {
        &mut self.inner
    }

    /// Everything that differs from the database underneath, sorted by hashed key; and that database.
    /// Storage roots in it are still to be computed. `visit` is shown what the overlay knows now, by plain keys.
    pub fn into_changes(mut self, mut visit: impl FnMut(&mut DB, Touched<'_>)) -> (StateChanges, DB) {
        // Keys are hashed all at once at the end, which is several times faster than one by one.
        let mut addresses = Vec::new();
        let mut keys: Vec<[u8; 32]> = Vec::new();
        let mut changed = Vec::new();
        for (address, entry) in self.accounts {
            let first_key = keys.len();
            let mut values = Vec::new();
            for (key, slot) in entry.slots.iter().filter(|(_, slot)| slot.current != slot.original) {
                keys.push(key.to_be_bytes());
                values.push(slot.current);
            }
            if same(&entry.original, &entry.current) && values.is_empty() && !entry.wiped {
                continue;
            }
            // Those that are as they were are known underneath.
            let changed_slots = entry.slots.iter().filter(|(_, slot)| slot.current != slot.original);
            let slots = changed_slots.map(|(key, slot)| (*key, slot.current));
            let (account, wiped) = (entry.current.as_ref(), entry.wiped);
            visit(&mut self.inner, Touched { address, account, wiped, slots: &mut slots.into_iter() });
            addresses.push(address);
            changed.push((entry.current, entry.wiped, first_key, values));
        }
        let address_slices: Vec<&[u8]> = addresses.iter().map(|address| address.as_slice()).collect();
        let key_slices: Vec<&[u8]> = keys.iter().map(|key| key.as_slice()).collect();
        let address_hashes = keccak256_batch(&address_slices);
        let key_hashes = keccak256_batch(&key_slices);

        let mut changes = StateChanges { codes: self.new_codes, ..StateChanges::default() };
        for (address, (account, wiped, first_key, values)) in address_hashes.into_iter().zip(changed) {
            if !values.is_empty() || wiped {
                let hashes = key_hashes[first_key..].iter().copied();
                let mut slots: Vec<_> = hashes.zip(values).collect();
                slots.sort_unstable_by_key(|(key, _)| *key);
                changes.storage.push(StorageChanges { address, wiped, slots });
            }
            let account = account.map(|info| Account {
                nonce: info.nonce,
                balance: info.balance,
                storage_root: trie::EMPTY_ROOT,
                code_hash: info.code_hash,
            });
            changes.accounts.push((address, account));
        }
        changes.accounts.sort_unstable_by_key(|(address, _)| *address);
        changes.storage.sort_unstable_by_key(|storage| storage.address);
        changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
        changes.codes.dedup_by_key(|(hash, _)| *hash);
        (changes, self.inner)
    }
}

/// An account, read from the database if it is new here.
fn load<'a, DB: Database>(
    accounts: &'a mut AddressMap<Entry>,
    inner: &mut DB,
    address: Address,
) -> Result<&'a mut Entry, DB::Error> {
    Ok(match accounts.entry(address) {
        map::Entry::Occupied(entry) => entry.into_mut(),
        map::Entry::Vacant(vacant) => {
            let info = inner.basic(address)?;
            vacant.insert(Entry { original: info.clone(), current: info, ..Entry::default() })
        }
    })
}

fn same(a: &Option<AccountInfo>, b: &Option<AccountInfo>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.balance == b.balance && a.nonce == b.nonce && a.code_hash == b.code_hash,
        (None, None) => true,
        _ => false,
    }
}

impl<DB: Database> Database for Overlay<DB> {
    type Error = DB::Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, DB::Error> {
        Ok(load(&mut self.accounts, &mut self.inner, address)?.current.clone())
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, DB::Error> {
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = self.inner.code_by_hash(code_hash)?;
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, DB::Error> {
        let entry = load(&mut self.accounts, &mut self.inner, address)?;
        let exists = entry.original.is_some() && !entry.wiped;
        Ok(match entry.slots.entry(key) {
            map::Entry::Occupied(slot) => slot.get().current,
            map::Entry::Vacant(vacant) => {
                let value = if exists { self.inner.storage(address, key)? } else { U256::ZERO };
                vacant.insert(Slot { original: value, current: value });
                value
            }
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, DB::Error> {
        self.inner.block_hash(number)
    }
}

impl<DB: Database> DatabaseCommit for Overlay<DB> {
    fn commit(&mut self, changes: AddressMap<EvmAccount>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            // Every touched account has been read through `basic` before, so its original is known.
            let entry = self.accounts.entry(address).or_default();
            if account.is_selfdestructed() {
                entry.wipe();
                entry.current = None;
                continue;
            }
            let created = account.is_created();
            if created {
                entry.wipe();
            }
            for (key, slot) in account.storage {
                let wiped = entry.wiped;
                let known = entry.slots.entry(key).or_insert_with(|| {
                    let original = if wiped { U256::ZERO } else { slot.original_value };
                    Slot { original, current: original }
                });
                known.current = slot.present_value;
            }
            // Since EIP-161 a created account has a nonce; before it, the journal marks what must stay as created.
            if account.info.is_empty() && !created {
                entry.current = None;
                continue;
            }
            let mut info = account.info;
            if info.code_hash != KECCAK256_EMPTY
                && let Some(code) = info.code.take()
                && !self.codes.contains_key(&info.code_hash)
            {
                if entry.original.as_ref().is_none_or(|original| original.code_hash != info.code_hash) {
                    self.new_codes.push((info.code_hash, code.original_bytes()));
                }
                self.codes.insert(info.code_hash, code);
            }
            entry.current = Some(info);
        }
    }
}

impl Entry {
    /// Forgets all slots, those in the database too if there can be any.
    fn wipe(&mut self) {
        self.slots.clear();
        self.wiped |= self.original.is_some();
    }
}
