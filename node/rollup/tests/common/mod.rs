//! What tests of the chain share: chains in folders of their own.
// Each test uses a part of it.
#![allow(dead_code, unused_imports)]

use std::sync::Arc;

use alloy::{
    consensus::TxEip1559,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
};
use rand::{Rng, rngs::StdRng};
pub use rollup::testing::{CHAIN_ID, key as user};
use rollup::{
    RollupConfig,
    chain::{BuildPlan, Chain, ChainOptions, FeedBlock},
    testing,
};
use stf::{Transaction, derive::message_cursor};

/// Accounts with ether.
pub const USERS: u8 = 4;

/// A rollup without an L1.
pub fn config() -> Arc<RollupConfig> {
    testing::rollup(testing::genesis(USERS, 1_000_000))
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
        testing::feed_block(&self.chain, block.header.number)
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
    testing::transaction(from, tx)
}
