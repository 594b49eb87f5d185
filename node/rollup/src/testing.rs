//! What tests of several crates share: a rollup without L1. Behind the feature `testing`.
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
use stf::{ChainConfig, FeeParameters, ForkSchedule, Rules, block::L1Attributes, predeploys::L1_BLOCK};

use crate::{
    chain::{Chain, ChainOptions, FeedBlock},
    config::{Contracts, Genesis, GenesisAccount, RollupConfig},
};

/// L2 chain id.
pub const CHAIN_ID: u64 = 42_069;

/// A key by number.
pub fn key(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(index + 1)).unwrap()
}

/// A genesis block in which the first `users` keys have 1,000 ether each.
pub fn genesis(users: u8, timestamp: u64) -> Genesis {
    let ether = U256::from(10).pow(U256::from(18));
    let account = GenesisAccount { balance: U256::from(1000) * ether, ..GenesisAccount::default() };
    Genesis {
        timestamp,
        gas_limit: 30_000_000,
        alloc: (0..users)
            .map(|index| (key(index).address(), account.clone()))
            .chain([(L1_BLOCK, l1_block())])
            .collect(),
    }
}

/// The predeploy without its code: the base fee is a million wei, and rises only where a chain is full for minutes.
fn l1_block() -> GenesisAccount {
    let attributes = L1Attributes {
        base_fee_parameters: FeeParameters::new(60_000_000, 1_000_000),
        ..L1Attributes::default()
    };
    let storage = attributes.storage(Rules::Karst);
    let storage = storage.into_iter().map(|(slot, value)| (slot.into(), value)).collect();
    GenesisAccount { nonce: 1, storage, ..GenesisAccount::default() }
}

/// A rollup of `users` rich keys that began `age` seconds ago.
pub fn config(users: u8, age: u64) -> Arc<RollupConfig> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    rollup(genesis(users, now - age))
}

/// The constants of these rollups.
pub const fn chain_config() -> ChainConfig {
    ChainConfig {
        chain_id: CHAIN_ID,
        max_drift: 600,
        force_delay: 43_200,
        forks: ForkSchedule::always(Rules::Karst),
    }
}

/// The rollup without an L1 that begins with this.
pub fn rollup(genesis: Genesis) -> Arc<RollupConfig> {
    let block = genesis.block(&mut ());
    let contract = Address::repeat_byte;
    Arc::new(RollupConfig {
        l1_chain_id: 31_337,
        l1_start_block: 1,
        chain: chain_config(),
        sequencer_timeout: 21_600,
        contracts: Contracts {
            inbox: contract(1),
            portal: contract(2),
            system_config: contract(3),
            dispute_game_factory: contract(4),
            anchor_state_registry: contract(5),
            multicall3: contract(6),
            ..Contracts::default()
        },
        genesis,
        genesis_hash: block.hash,
        genesis_output_root: block.output_root,
    })
}

/// Opens the chain of a rollup in a folder.
pub fn open(path: &Path, config: &Arc<RollupConfig>) -> Chain {
    Chain::open(path, config.clone(), ChainOptions::default()).unwrap()
}

/// A signed call or transfer.
pub fn transaction(from: u8, tx: TxEip1559) -> Bytes {
    let signature = key(from).sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).encoded_2718().into()
}

/// A transfer of one wei.
pub fn transfer(nonce: u64) -> TxEip1559 {
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

/// A block of a chain as its feed carries it.
pub fn feed_block(chain: &Chain, number: u64) -> FeedBlock {
    FeedBlock::stored(&chain.db().read().unwrap(), number).unwrap().unwrap()
}
