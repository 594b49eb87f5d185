//! What tests of several modules share: a chain without L1.
#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use stf::ChainConfig;

use crate::{
    chain::{Chain, ChainOptions},
    config::{Contracts, Genesis, GenesisAccount, RollupConfig},
};

pub(crate) const CHAIN_ID: u64 = 42_069;

/// A key by number.
pub(crate) fn key(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(index + 1)).unwrap()
}

/// A rollup whose first `users` keys have 1,000 ether each, and that began `age` seconds ago.
pub(crate) fn config(users: u8, age: u64) -> Arc<RollupConfig> {
    let ether = U256::from(10).pow(U256::from(18));
    let account = GenesisAccount { balance: U256::from(1000) * ether, ..GenesisAccount::default() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let genesis = Genesis {
        timestamp: now - age,
        gas_limit: 30_000_000,
        base_fee: 1_000_000,
        alloc: (0..users).map(|index| (key(index).address(), account.clone())).collect(),
    };
    let block = genesis.block(&mut ());
    Arc::new(RollupConfig {
        l1_chain_id: 1,
        l1_start_block: 0,
        chain: ChainConfig {
            chain_id: CHAIN_ID,
            max_drift: 600,
            base_fee_elasticity: 6,
            base_fee_denominator: 250,
        },
        contracts: Contracts {
            inbox: Address::ZERO,
            portal: Address::ZERO,
            system_config: Address::ZERO,
            dispute_game_factory: Address::ZERO,
            anchor_state_registry: Address::ZERO,
            multicall3: Address::ZERO,
            ..Contracts::default()
        },
        genesis,
        genesis_hash: block.hash,
        genesis_output_root: block.output_root,
    })
}

/// Opens the chain of a rollup in a folder.
pub(crate) fn open(path: &Path, config: &Arc<RollupConfig>) -> Chain {
    Chain::open(path, config.clone(), ChainOptions::default()).unwrap()
}

/// A signed call or transfer.
pub(crate) fn transaction(from: u8, tx: TxEip1559) -> Bytes {
    let signature = key(from).sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).encoded_2718().into()
}

/// A transfer of one wei.
pub(crate) fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        ..Default::default()
    }
}
