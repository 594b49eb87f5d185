//! Checks that need no state of the sender.

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, Bytes},
};
use revm::context_interface::cfg::gas::calculate_initial_tx_gas;
use stf::{Transaction, config::L1_ATTRIBUTES_GAS};

use super::{NextBlock, PoolError, PoolOptions};

/// EIP-3860.
const MAX_INITCODE_SIZE: usize = 49_152;

/// What can be told from the encoding alone, before the costly recovery.
pub(super) fn check_encoding(raw: &Bytes, options: &PoolOptions) -> Result<(), PoolError> {
    let (size, limit) = (raw.len(), options.max_transaction_size);
    if size > limit {
        return Err(PoolError::Oversized { size, limit });
    }
    match raw.first() {
        None => Err(PoolError::Malformed),
        // A legacy transaction is an RLP list; EIP-2930, EIP-1559 and EIP-7702 have types.
        Some(1 | 2 | 4 | 0xc0..) => Ok(()),
        Some(&other) => Err(PoolError::UnsupportedType(other)),
    }
}

/// What can be told from the transaction and the next block. Returns the gas that it uses at the least.
pub(super) fn check(
    transaction: &Transaction,
    chain_id: u64,
    next: &NextBlock,
    options: &PoolOptions,
) -> Result<u64, PoolError> {
    let tx = transaction.envelope();
    if let Some(found) = tx.chain_id().filter(|found| *found != chain_id) {
        return Err(PoolError::ChainId { found, expected: chain_id });
    }
    let gas = tx.gas_limit();
    // Every block begins with the L1-attributes deposit: what does not fit beside it never fits.
    if gas > next.gas_limit.saturating_sub(L1_ATTRIBUTES_GAS) {
        return Err(PoolError::GasLimit);
    }
    if let Some(cap) = next.rules.transaction_gas_cap().filter(|cap| gas > *cap) {
        return Err(PoolError::GasCap { cap, gas });
    }
    let fee = tx.max_fee_per_gas();
    let tip = tx.max_priority_fee_per_gas().unwrap_or(fee);
    if tip > fee {
        return Err(PoolError::TipAboveFee { tip, fee });
    }
    if tip < options.min_tip {
        return Err(PoolError::Underpriced { tip, needed: options.min_tip });
    }
    let least = u128::from(next.base_fee) * u128::from(options.min_fee_percent) / 100;
    if fee < least {
        let (sender, base_fee) = (transaction.sender(), next.base_fee);
        return Err(PoolError::FeeTooLow { sender, fee, base_fee });
    }
    let is_create = tx.is_create();
    let size = tx.input().len();
    if is_create && size > MAX_INITCODE_SIZE {
        return Err(PoolError::InitcodeSize { size, limit: MAX_INITCODE_SIZE });
    }
    let authorizations = tx.authorization_list().map(|list| list.len());
    if authorizations == Some(0) {
        return Err(PoolError::EmptyAuthorizationList);
    }
    if tx.nonce() == u64::MAX {
        return Err(PoolError::NonceMax);
    }
    let (accounts, slots) = tx
        .access_list()
        .map_or((0, 0), |list| (list.len(), list.iter().map(|item| item.storage_keys.len()).sum()));
    let needed = calculate_initial_tx_gas(
        next.rules.spec().into_eth_spec(),
        tx.input(),
        is_create,
        accounts as u64,
        slots as u64,
        authorizations.unwrap_or(0) as u64,
    );
    if gas < needed.initial_total_gas {
        return Err(PoolError::IntrinsicGas { gas, needed: needed.initial_total_gas });
    }
    if gas < needed.floor_gas {
        return Err(PoolError::FloorGas { gas, needed: needed.floor_gas });
    }
    Ok(needed.initial_total_gas.max(needed.floor_gas))
}

/// What can be told from the sender's account alone.
pub(super) fn check_sender(sender: Address, account: &super::AccountState) -> Result<(), PoolError> {
    if account.is_contract { Err(PoolError::SenderNotEoa(sender)) } else { Ok(()) }
}
