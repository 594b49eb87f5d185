//! What was hashed: tries name accounts and slots by hashes, and nothing else is stored.
//!
//! Known are the addresses and slots of the genesis, slots of low numbers, and the addresses that a block's transactions
//! touch, which executing it again tells (`known`). Of others the hash alone is told.

use std::sync::LazyLock;

use alloy::{
    eips::eip2935::HISTORY_STORAGE_ADDRESS,
    primitives::{Address, B256, U256, address, b256, keccak256, map::B256Map},
};
use rollup::config::Genesis;
use stf::predeploys::L1_ATTRIBUTES_DEPOSITOR;

/// Slots from 0 on whose hashes are known: more than contracts have variables, but for those in mappings and arrays.
const LOW_SLOTS: u64 = 1024;

/// The OP Stack's predeploys: so many addresses from this one on, vaults that take fees among them.
const PREDEPLOYS: u16 = 2048;
const PREDEPLOY_BASE: Address = address!("0x4200000000000000000000000000000000000000");

/// Who sends a block's first transaction, who calls system contracts, and the contract that keeps block hashes (EIP-2935).
const SYSTEM_ADDRESSES: [Address; 3] = [
    L1_ATTRIBUTES_DEPOSITOR,
    address!("0xfffffffffffffffffffffffffffffffffffffffe"),
    HISTORY_STORAGE_ADDRESS,
];

/// Slots of proxies: ERC-1967's implementation, admin and beacon.
const PROXY_SLOTS: [B256; 3] = [
    b256!("0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"),
    b256!("0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103"),
    b256!("0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50"),
];

/// The slots that are known of every contract, by their hashes.
static COMMON_SLOTS: LazyLock<B256Map<B256>> = LazyLock::new(|| {
    let low = (0..LOW_SLOTS).map(|slot| B256::from(U256::from(slot)));
    low.chain(PROXY_SLOTS).map(|slot| (keccak256(slot), slot)).collect()
});

/// The addresses and slots of a genesis, by their hashes.
#[derive(Debug, Default)]
pub(crate) struct GenesisPreimages {
    addresses: B256Map<Address>,
    slots: B256Map<B256>,
}

impl GenesisPreimages {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let slots = genesis.alloc.values().flat_map(|account| account.storage.keys());
        let predeploys = (0..PREDEPLOYS).map(|number| {
            let mut address = PREDEPLOY_BASE;
            address[18..].copy_from_slice(&number.to_be_bytes());
            address
        });
        let addresses = genesis.alloc.keys().copied().chain(predeploys).chain(SYSTEM_ADDRESSES);
        Self {
            addresses: addresses.map(|address| (keccak256(address), address)).collect(),
            slots: slots.map(|slot| (keccak256(slot), *slot)).collect(),
        }
    }

    pub(crate) fn address(&self, hash: &B256) -> Option<Address> {
        self.addresses.get(hash).copied()
    }

    pub(crate) fn slot(&self, hash: &B256) -> Option<B256> {
        COMMON_SLOTS.get(hash).or_else(|| self.slots.get(hash)).copied()
    }
}
