//! What tests of the chain share: a rollup without an L1, and chains in folders of their own.
// Each test uses a part of it.
#![allow(dead_code)]

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use node::{
    RollupConfig,
    chain::{BuildPlan, Chain, ChainOptions, FeedBlock},
    config::{Contracts, Genesis, GenesisAccount},
};
use rand::{Rng, rngs::StdRng};
use stf::{ChainConfig, Transaction, derive::message_cursor};

/// L2 chain id.
pub const CHAIN_ID: u64 = 42_069;
/// Accounts with ether.
pub const USERS: u8 = 4;

/// The key of an account with ether.
pub fn user(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(index + 1)).unwrap()
}

/// A rollup without an L1.
pub fn config() -> Arc<RollupConfig> {
    let mut alloc = BTreeMap::new();
    for index in 0..USERS {
        let balance = U256::from(10).pow(U256::from(20));
        alloc.insert(user(index).address(), GenesisAccount { balance, ..Default::default() });
    }
    rollup(Genesis { timestamp: 1_000_000, gas_limit: 30_000_000, base_fee: 1_000_000, alloc })
}

/// The rollup without an L1 that begins with this.
pub fn rollup(genesis: Genesis) -> Arc<RollupConfig> {
    let block = genesis.block(&mut ());
    Arc::new(RollupConfig {
        l1_chain_id: 31_337,
        l1_start_block: 1,
        chain: ChainConfig {
            chain_id: CHAIN_ID,
            max_drift: 600,
            base_fee_elasticity: 6,
            base_fee_denominator: 250,
        },
        contracts: Contracts {
            inbox: Address::repeat_byte(1),
            portal: Address::repeat_byte(2),
            system_config: Address::repeat_byte(3),
            dispute_game_factory: Address::repeat_byte(4),
            anchor_state_registry: Address::repeat_byte(5),
            multicall3: Address::repeat_byte(6),
            ..Contracts::default()
        },
        genesis,
        genesis_hash: block.hash,
        genesis_output_root: block.output_root,
    })
}

/// A chain in a folder of its own.
pub struct Node {
    pub chain: Chain,
    _dir: tempfile::TempDir,
}

impl Node {
    pub fn new(config: &Arc<RollupConfig>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain::open(dir.path(), config.clone(), ChainOptions::default()).unwrap();
        Self { chain, _dir: dir }
    }

    pub fn head(&self) -> (u64, B256) {
        let head = self.chain.heads().unsafe_head;
        (head.number, head.hash)
    }

    pub fn safe(&self) -> u64 {
        self.chain.heads().safe.number
    }

    pub fn nonce(&self, address: Address) -> u64 {
        let reader = self.chain.db().read().unwrap();
        let height = self.chain.heads().unsafe_head.number;
        let account = reader.state_at(height).unwrap().account(&keccak256(address)).unwrap();
        account.map_or(0, |account| account.nonce)
    }

    pub fn cursor(&self) -> u64 {
        let reader = self.chain.db().read().unwrap();
        let (number, _) = reader.head().unwrap().unwrap();
        message_cursor(&reader.header(number).unwrap().unwrap()).unwrap()
    }

    /// Builds a block of transfers on top.
    pub fn sequence(&self, rng: &mut StdRng, timestamp: u64) -> FeedBlock {
        let cursor = self.cursor();
        let count = rng.random_range(0..4);
        let mut nonces: Vec<u64> = (0..USERS).map(|index| self.nonce(user(index).address())).collect();
        let transactions: Vec<Transaction> = (0..count)
            .map(|_| {
                let index = rng.random_range(0..USERS);
                let to = TxKind::Call(Address::random_with(rng));
                let raw =
                    sign(index, nonces[index as usize], to, rng.random_range(0..1_000_000), Bytes::new());
                nonces[index as usize] += 1;
                Transaction::recover(raw).unwrap()
            })
            .collect();
        let plan = BuildPlan { timestamp, max_messages: rng.random_range(0..6), message_l1_limit: u64::MAX };
        let (block, ()) = self
            .chain
            .build(plan, |builder| {
                for transaction in &transactions {
                    builder.execute(transaction).unwrap().unwrap();
                }
            })
            .unwrap();
        block.to_feed(cursor)
    }
}

/// A signed call of, or creation by, an account with ether.
pub fn sign(from: u8, nonce: u64, to: TxKind, value: u64, input: Bytes) -> Bytes {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 2_000_000,
        max_priority_fee_per_gas: 1_000,
        to,
        value: U256::from(value),
        input,
        ..Default::default()
    };
    let signature = user(from).sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).encoded_2718().into()
}
