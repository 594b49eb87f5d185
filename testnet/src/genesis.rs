//! The L2 genesis state.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};
use anyhow::Result;
use bindings::{genesis::genesis_contracts, predeploys};
use rollup::config::{Contracts, Genesis, GenesisAccount};
use serde::{Deserialize, Serialize};
use stf::block::L1Attributes;

use crate::{accounts, config::DeployConfig};

/// The L1 block that the L2 chain starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct L1Origin {
    /// Its number.
    pub number: u64,
    /// Its timestamp, which the L2 genesis block has, too.
    pub timestamp: u64,
    /// Its base fee in wei.
    pub base_fee: u64,
    /// Its blob base fee in wei.
    pub blob_base_fee: u128,
}

/// The genesis state: the predeploys, contracts of others that tools look for, and funded accounts.
pub fn l2_genesis(config: &DeployConfig, contracts: &Contracts, origin: L1Origin) -> Result<Genesis> {
    let mut alloc: BTreeMap<Address, GenesisAccount> = BTreeMap::new();
    let attributes = L1Attributes {
        number: origin.number,
        timestamp: origin.timestamp,
        base_fee: U256::from(origin.base_fee),
        blob_base_fee: U256::from(origin.blob_base_fee),
        sequence_number: 0,
        base_fee_scalar: config.base_fee_scalar,
        blob_base_fee_scalar: config.blob_base_fee_scalar,
        operator_fee_scalar: config.operator_fee_scalar,
        operator_fee_constant: config.operator_fee_constant,
        base_fee_parameters: config.base_fee,
    };
    let rules = config.chain.rules_at(origin.timestamp)?;
    for contract in genesis_contracts(config.chain.chain_id) {
        let storage = contract.storage.into_iter().map(|(slot, value)| (slot.into(), value)).collect();
        let account = GenesisAccount { nonce: 1, code: contract.code, storage, ..GenesisAccount::default() };
        alloc.insert(contract.address, account);
    }
    let mut store = |address: Address, slot: U256, value: U256| {
        alloc.entry(address).or_default().storage.insert(slot.into(), value);
    };
    for (slot, value) in attributes.storage(rules) {
        store(predeploys::L1_BLOCK, slot, value);
    }
    let word = |address: Address| U256::from_be_bytes(address.into_word().0);
    // Slot 0 of these is their counterpart on L1.
    store(predeploys::L2_CROSS_DOMAIN_MESSENGER, U256::ZERO, word(contracts.l1_cross_domain_messenger));
    store(predeploys::L2_STANDARD_BRIDGE, U256::ZERO, word(contracts.l1_standard_bridge));
    // A vault's slot 0 is the L1 account that it pays out to.
    for vault in predeploys::FEE_VAULTS {
        store(vault, U256::ZERO, word(config.fee_recipient));
    }
    for address in &config.funded {
        alloc.entry(*address).or_default().balance = accounts::BALANCE;
    }
    Ok(Genesis { timestamp: origin.timestamp, gas_limit: config.gas_limit, alloc })
}
