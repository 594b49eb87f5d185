//! Addresses that the rollup's rules know, all as in the OP Stack.

use alloy_primitives::{Address, address};

/// Sender of the L1-attributes deposit.
pub const L1_ATTRIBUTES_DEPOSITOR: Address = address!("0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001");
/// Keeps the newest L1 attributes and the fee parameters.
pub const L1_BLOCK: Address = address!("0x4200000000000000000000000000000000000015");
/// Keeps the withdrawals; its storage root is a header's `withdrawalsRoot`.
pub const L2_TO_L1_MESSAGE_PASSER: Address = address!("0x4200000000000000000000000000000000000016");
/// Receives priority fees: every block's beneficiary.
pub const SEQUENCER_FEE_VAULT: Address = address!("0x4200000000000000000000000000000000000011");
/// Receives base fees.
pub const BASE_FEE_VAULT: Address = address!("0x4200000000000000000000000000000000000019");
/// Receives L1 data fees.
pub const L1_FEE_VAULT: Address = address!("0x420000000000000000000000000000000000001A");
/// Receives operator fees.
pub const OPERATOR_FEE_VAULT: Address = address!("0x420000000000000000000000000000000000001b");
/// Estimates fees for users.
pub const GAS_PRICE_ORACLE: Address = address!("0x420000000000000000000000000000000000000F");
