//! Where L2's fees go.

use alloy::primitives::{Address, B256};
use bindings::predeploys;
use rollup::config::Genesis;

use crate::evidence::address;

/// The L1 account that each fee vault pays out to, as the genesis says: slot 0.
pub(crate) fn recipients(genesis: &Genesis) -> Vec<(Address, Address)> {
    let recipient = |vault: &Address| {
        let account = genesis.alloc.get(vault)?;
        Some((*vault, address(account.storage.get(&B256::ZERO).copied().unwrap_or_default())))
    };
    predeploys::FEE_VAULTS.iter().filter_map(recipient).collect()
}
