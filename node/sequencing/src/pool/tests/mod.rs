//! What the tests share: a chain state that is a map, and transactions without the cost of signing.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxLegacy},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, Signature, TxKind, U256},
};
use op_revm::L1BlockInfo;
use stf::{Rules, Transaction};

use super::{AccountState, NextBlock, Pool, PoolError, PoolOptions, StateSource};

mod bytes;
mod model;
mod rules;
mod speed;

const CHAIN_ID: u64 = 42_069;
const GWEI: u128 = 1_000_000_000;
const BASE_FEE: u64 = 1_000_000_000;

/// A state that tests change as they like.
#[derive(Clone)]
struct FakeState(Arc<Mutex<Fake>>);

struct Fake {
    accounts: HashMap<Address, AccountState>,
    next: NextBlock,
    has_room: bool,
}

impl FakeState {
    fn new() -> Self {
        let fees = L1BlockInfo {
            operator_fee_scalar: Some(U256::ZERO),
            operator_fee_constant: Some(U256::ZERO),
            ..Default::default()
        };
        let next = NextBlock { rules: Rules::Karst, base_fee: BASE_FEE, gas_limit: 30_000_000, fees };
        Self(Arc::new(Mutex::new(Fake { accounts: HashMap::new(), next, has_room: true })))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Fake) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// Gives an account a nonce and a balance in ether.
    fn set(&self, address: Address, nonce: u64, ether: u64) {
        let balance = U256::from(ether) * U256::from(10).pow(U256::from(18));
        let account = AccountState { nonce, balance, is_contract: false };
        self.change(|fake| fake.accounts.insert(address, account));
    }

    fn set_base_fee(&self, base_fee: u64) {
        self.change(|fake| fake.next.base_fee = base_fee);
    }
}

impl StateSource for FakeState {
    fn accounts(&self, addresses: &[Address]) -> Result<Vec<AccountState>, String> {
        let fake = self.0.lock().unwrap();
        Ok(addresses.iter().map(|address| fake.accounts.get(address).copied().unwrap_or_default()).collect())
    }

    fn has_room(&self) -> bool {
        self.0.lock().unwrap().has_room
    }

    fn next_block(&self) -> Result<NextBlock, String> {
        Ok(self.0.lock().unwrap().next.clone())
    }
}

fn pool_with(options: PoolOptions) -> (Pool, FakeState) {
    let state = FakeState::new();
    (Pool::with_state(CHAIN_ID, Box::new(state.clone()), options).unwrap(), state)
}

fn pool() -> (Pool, FakeState) {
    pool_with(PoolOptions::default())
}

fn user(index: u64) -> Address {
    Address::left_padding_from(&(index + 0x1000).to_be_bytes())
}

/// An EIP-1559 transfer.
fn transfer(nonce: u64, fee: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        ..Default::default()
    }
}

/// A transaction as if this sender had signed it.
fn from(sender: Address, tx: TxEip1559) -> Transaction {
    let signature = Signature::new(U256::from_be_slice(sender.as_slice()), U256::from(1), false);
    Transaction::with_sender(tx.into_signed(signature).encoded_2718().into(), sender).unwrap()
}

fn legacy_from(sender: Address, nonce: u64, price: u128, chain_id: Option<u64>) -> Transaction {
    let tx = TxLegacy {
        chain_id,
        nonce,
        gas_price: price,
        gas_limit: 21_000,
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    let signature = Signature::new(U256::from_be_slice(sender.as_slice()), U256::from(1), false);
    Transaction::with_sender(tx.into_signed(signature).encoded_2718().into(), sender).unwrap()
}

/// Submits a transfer, and returns the pool's answer.
fn send(pool: &Pool, sender: Address, nonce: u64, fee: u128, tip: u128) -> Result<(), PoolError> {
    let result = pool.submit_recovered(from(sender, transfer(nonce, fee, tip)));
    pool.check();
    result.map(|_| ())
}

/// What the block builder would see: senders and nonces.
fn order(pool: &Pool) -> Vec<(Address, u64)> {
    pool.best().map(|tx| (tx.sender(), tx.nonce())).collect()
}

impl Pool {
    fn check(&self) {
        self.lock().check(&self.0.options);
    }
}

fn raw(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
