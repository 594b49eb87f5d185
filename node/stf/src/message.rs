//! What queue messages mean on L2: deposits and changes of system parameters.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use op_alloy_consensus::TxDeposit;

use crate::{
    config::GUARANTEE,
    inbox::{InboxError, Message, be_u64},
};

/// Length of a deposit message's fixed part: to(20) ‖ mint(32) ‖ value(32) ‖ gasLimit(8) ‖ isCreation(1).
const DEPOSIT_FIXED_SIZE: usize = 93;

/// Domain of a user deposit's source hash (OP Stack, deposits specification).
const USER_DEPOSIT_DOMAIN: u8 = 0;
/// Domain of the L1-attributes deposit's source hash.
const L1_ATTRIBUTES_DOMAIN: u8 = 1;

/// The source hash of a deposit: `keccak256(bytes32(domain) ‖ id)`.
///
/// The OP Stack's inner value is made from the L1 block hash and the log index, which a contract cannot know.
/// Here a user deposit's `id` is the message accumulator after it, which is as unique and can be proven.
fn source_hash(domain: u8, id: B256) -> B256 {
    let mut buffer = [0; 64];
    buffer[31] = domain;
    buffer[32..].copy_from_slice(id.as_slice());
    keccak256(buffer)
}

/// The source hash of the L1-attributes deposit of an L2 block: unique by the block's number.
pub fn l1_attributes_source_hash(l2_block: u64) -> B256 {
    source_hash(L1_ATTRIBUTES_DOMAIN, B256::from(U256::from(l2_block)))
}

/// The deposit transaction that a deposit message stands for.
///
/// A deposit that asks for more gas than its header counts, or than any may ([`GUARANTEE`]), and data that the portal
/// would not have sent give an error, and the block does nothing for the message. A mint over 2^128-1 (more ether than
/// exists) is taken as 2^128-1, the most that a deposit transaction can carry.
pub fn deposit_transaction(message: &Message) -> Result<TxDeposit, InboxError> {
    let data = &message.data;
    if data.len() < DEPOSIT_FIXED_SIZE {
        return Err(InboxError::Length {
            what: "deposit message",
            expected: DEPOSIT_FIXED_SIZE,
            found: data.len(),
        });
    }
    let to = match data[92] {
        0 => TxKind::Call(Address::from_slice(&data[..20])),
        1 => TxKind::Create,
        found => return Err(InboxError::Unknown { what: "deposit isCreation", found }),
    };
    // What consumption counted is the header's gas: no deposit may have more.
    let (limit, most) = (be_u64(data, 84), message.header.gas.min(GUARANTEE));
    if limit > most {
        return Err(InboxError::DepositGas { limit, most });
    }
    let mint = U256::from_be_slice(&data[20..52]);
    Ok(TxDeposit {
        source_hash: source_hash(USER_DEPOSIT_DOMAIN, message.acc),
        from: message.header.sender,
        to,
        mint: mint.saturating_to(),
        value: U256::from_be_slice(&data[52..84]),
        gas_limit: limit,
        is_system_transaction: false,
        input: Bytes::copy_from_slice(&data[DEPOSIT_FIXED_SIZE..]),
    })
}

/// A change of a system parameter, from the block that consumes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigUpdate {
    /// Block gas limit.
    GasLimit(u64),
    /// Scalars of the L1 data fee, in millionths (OP Stack Ecotone).
    FeeScalars {
        /// Weight of the L1 base fee.
        base_fee: u32,
        /// Weight of the L1 blob base fee.
        blob_base_fee: u32,
    },
    /// The operator fee (OP Stack Isthmus and Jovian).
    OperatorFee {
        /// Hundreds of wei per gas; millionths of a wei before Karst.
        scalar: u32,
        /// Wei per transaction.
        constant: u64,
    },
    /// Gas per second at which the base fee stays.
    GasTarget(u64),
    /// The least base fee, in wei.
    MinBaseFee(u64),
}

impl ConfigUpdate {
    /// Length of a config message's data: updateType(1) ‖ value(32).
    pub const SIZE: usize = 33;

    /// Reads a config message's data. Numbers are the low bits of the value. The contract bounds them, and who applies
    /// them takes the nearest within the bounds.
    pub fn decode(data: &[u8]) -> Result<Self, InboxError> {
        if data.len() != Self::SIZE {
            return Err(InboxError::Length {
                what: "config message",
                expected: Self::SIZE,
                found: data.len(),
            });
        }
        let low = be_u64(data, 25);
        let next = be_u64(data, 17);
        match data[0] {
            0 => Ok(Self::GasLimit(low)),
            1 => Ok(Self::FeeScalars { base_fee: (low >> 32) as u32, blob_base_fee: low as u32 }),
            2 => Ok(Self::OperatorFee { scalar: next as u32, constant: low }),
            3 => Ok(Self::GasTarget(low)),
            4 => Ok(Self::MinBaseFee(low)),
            found => Err(InboxError::Unknown { what: "config update type", found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_updates_read_the_contract_packing() {
        let encode = |kind: u8, value: U256| {
            let mut data = alloc::vec![kind];
            data.extend_from_slice(&value.to_be_bytes::<32>());
            ConfigUpdate::decode(&data)
        };
        assert_eq!(encode(0, U256::from(40_000_000)), Ok(ConfigUpdate::GasLimit(40_000_000)));
        assert_eq!(
            encode(1, (U256::from(1368) << 32) | U256::from(810_949)),
            Ok(ConfigUpdate::FeeScalars { base_fee: 1368, blob_base_fee: 810_949 })
        );
        assert_eq!(
            encode(2, (U256::from(5) << 64) | U256::from(77)),
            Ok(ConfigUpdate::OperatorFee { scalar: 5, constant: 77 })
        );
        assert_eq!(encode(3, U256::from(15_000_000)), Ok(ConfigUpdate::GasTarget(15_000_000)));
        assert_eq!(encode(4, U256::from(1_000_000)), Ok(ConfigUpdate::MinBaseFee(1_000_000)));
        assert!(encode(5, U256::ZERO).is_err());
        assert!(ConfigUpdate::decode(&[]).is_err());
    }
}
