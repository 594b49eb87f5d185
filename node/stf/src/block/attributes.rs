//! The L1 attributes: what L2 knows of L1, kept by the `L1Block` predeploy.

use alloc::vec::Vec;
use alloy_primitives::{TxKind, U256, uint};
use op_alloy_consensus::TxDeposit;
use revm::Database;

use crate::{
    config::L1_ATTRIBUTES_GAS,
    fees::FeeParameters,
    inbox::{MessageHeader, be_u64},
    message::{ConfigUpdate, l1_attributes_source_hash},
    predeploys::{L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK},
    rules::Rules,
};

/// `setL1BlockValuesIsthmus()` (OP Stack, L1 attributes specification).
const SET_ISTHMUS: [u8; 4] = [0x09, 0x89, 0x99, 0xbe];
/// `setL1BlockValuesJovian()` (OP Stack, L1 attributes specification).
const SET_JOVIAN: [u8; 4] = [0x3d, 0xb6, 0xbe, 0x2b];

/// Slots of the predeploy, as the OP Stack lays them out.
mod slot {
    use alloy_primitives::{U256, uint};

    /// timestamp(8) ‖ number(8), in the low bytes.
    pub(super) const NUMBER_TIMESTAMP: U256 = uint!(0_U256);
    pub(super) const BASE_FEE: U256 = uint!(1_U256);
    /// baseFeeScalar(4) ‖ blobBaseFeeScalar(4) ‖ sequenceNumber(8), in the low bytes.
    pub(super) const SCALARS: U256 = uint!(3_U256);
    pub(super) const BLOB_BASE_FEE: U256 = uint!(7_U256);
    /// isJovian(1) ‖ daFootprintGasScalar(2) ‖ operatorFeeScalar(4) ‖ operatorFeeConstant(8), in the low bytes.
    pub(super) const OPERATOR_FEE: U256 = uint!(8_U256);
}

/// Where `isJovian` stands in the second limb of its slot: behind the scalars of operator fee and footprint.
const JOVIAN_BIT: u32 = 48;

/// The newest report of L1 and the fee parameters.
///
/// The OP Stack's `hash` and `batcherHash` are zero: a contract cannot know its own block's hash, and who may post
/// batches is decided on L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Attributes {
    /// Number of the reported L1 block.
    pub number: u64,
    /// Its timestamp in seconds.
    pub timestamp: u64,
    /// Its base fee in wei.
    pub base_fee: U256,
    /// Its blob base fee in wei.
    pub blob_base_fee: U256,
    /// L2 blocks since the report, starting with 0.
    pub sequence_number: u64,
    /// Weight of the base fee in the L1 data fee, in millionths.
    pub base_fee_scalar: u32,
    /// Weight of the blob base fee in the L1 data fee, in millionths.
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas, in hundreds of wei; in millionths of a wei before Karst.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, in wei.
    pub operator_fee_constant: u64,
    /// Parameters of the base fee.
    pub base_fee_parameters: FeeParameters,
}

impl L1Attributes {
    /// The slot of the predeploy that only this rollup has: [`FeeParameters::pack`].
    pub const BASE_FEE_PARAMETERS_SLOT: U256 = uint!(9_U256);

    /// Reads the attributes from a state.
    pub fn read<DB: Database>(state: &mut DB) -> Result<Self, DB::Error> {
        // The account must be in the EVM's view before its storage is.
        state.basic(L1_BLOCK)?;
        let mut limbs = |slot| Ok(state.storage(L1_BLOCK, slot)?.into_limbs());
        let [number, timestamp, ..] = limbs(slot::NUMBER_TIMESTAMP)?;
        let [sequence_number, scalars, ..] = limbs(slot::SCALARS)?;
        let [operator_fee_constant, operator_fee_scalar, ..] = limbs(slot::OPERATOR_FEE)?;
        let base_fee_parameters =
            FeeParameters::unpack(U256::from_limbs(limbs(Self::BASE_FEE_PARAMETERS_SLOT)?));
        Ok(Self {
            number,
            timestamp,
            base_fee: U256::from_limbs(limbs(slot::BASE_FEE)?),
            blob_base_fee: U256::from_limbs(limbs(slot::BLOB_BASE_FEE)?),
            sequence_number,
            base_fee_scalar: (scalars >> 32) as u32,
            blob_base_fee_scalar: scalars as u32,
            operator_fee_scalar: operator_fee_scalar as u32,
            operator_fee_constant,
            base_fee_parameters,
        })
    }

    /// The predeploy's storage that holds these attributes, for a genesis state under `rules`: (slot, value).
    pub fn storage(&self, rules: Rules) -> Vec<(U256, U256)> {
        let scalars = u64::from(self.base_fee_scalar) << 32 | u64::from(self.blob_base_fee_scalar);
        let jovian = u64::from(rules.is_jovian()) << JOVIAN_BIT;
        let operator = [self.operator_fee_constant, jovian | u64::from(self.operator_fee_scalar), 0, 0];
        [
            (slot::NUMBER_TIMESTAMP, U256::from_limbs([self.number, self.timestamp, 0, 0])),
            (slot::BASE_FEE, self.base_fee),
            (slot::SCALARS, U256::from_limbs([self.sequence_number, scalars, 0, 0])),
            (slot::BLOB_BASE_FEE, self.blob_base_fee),
            (slot::OPERATOR_FEE, U256::from_limbs(operator)),
            (Self::BASE_FEE_PARAMETERS_SLOT, self.base_fee_parameters.pack()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_zero())
        .collect()
    }

    /// What the first transaction of a block says, by its input; `None` if it is not the call of such a transaction.
    pub fn decode_call(input: &[u8]) -> Option<Self> {
        let (selector, fields) = input.split_first_chunk::<4>()?;
        let gap = match *selector {
            SET_ISTHMUS => 0,
            SET_JOVIAN => 2,
            _ => return None,
        };
        let (fields, parameters) = fields.split_first_chunk::<172>()?;
        let parameters: &[u8; 16] = parameters.get(gap..)?.try_into().ok()?;
        let number = |at| be_u64(fields, at);
        // The first half of eight bytes.
        let short = |at: usize| (be_u64(fields, at) >> 32) as u32;
        Some(Self {
            base_fee_scalar: short(0),
            blob_base_fee_scalar: short(4),
            sequence_number: number(8),
            timestamp: number(16),
            number: number(24),
            base_fee: U256::from_be_slice(&fields[32..64]),
            blob_base_fee: U256::from_be_slice(&fields[64..96]),
            operator_fee_scalar: short(160),
            operator_fee_constant: number(164),
            base_fee_parameters: FeeParameters::new(be_u64(parameters, 0), be_u64(parameters, 8)),
        })
    }

    /// Takes over a report of L1 from the queue.
    pub(super) fn report(&mut self, header: &MessageHeader) {
        self.number = header.l1_block_number;
        self.timestamp = header.l1_timestamp;
        self.base_fee = header.base_fee;
        self.blob_base_fee = header.blob_base_fee;
        self.sequence_number = 0;
    }

    /// What the rules of a block change before its messages do, given those of the block before.
    pub(super) const fn activate(&mut self, rules: Rules, before: Rules) {
        if rules.changes_operator_fee_unit(before) {
            self.operator_fee_scalar = 0;
        }
    }

    /// Takes over changed fee parameters.
    pub(super) fn configure(&mut self, update: ConfigUpdate) {
        match update {
            ConfigUpdate::FeeScalars { base_fee, blob_base_fee } => {
                self.base_fee_scalar = base_fee;
                self.blob_base_fee_scalar = blob_base_fee;
            }
            ConfigUpdate::OperatorFee { scalar, constant } => {
                self.operator_fee_scalar = scalar;
                self.operator_fee_constant = constant;
            }
            ConfigUpdate::GasTarget(target) => {
                self.base_fee_parameters = self.base_fee_parameters.with_gas_target(target);
            }
            ConfigUpdate::MinBaseFee(least) => {
                self.base_fee_parameters = self.base_fee_parameters.with_min_base_fee(least);
            }
            ConfigUpdate::GasLimit(_) => {}
        }
    }

    /// The deposit that brings the attributes into an L2 block. The call is the OP Stack's under the same rules, and behind
    /// it gasTarget(8) ‖ minBaseFee(8).
    pub(super) fn to_deposit(self, l2_block: u64, rules: Rules) -> TxDeposit {
        let mut input = Vec::with_capacity(194);
        input.extend_from_slice(if rules.is_jovian() { &SET_JOVIAN } else { &SET_ISTHMUS });
        input.extend_from_slice(&self.base_fee_scalar.to_be_bytes());
        input.extend_from_slice(&self.blob_base_fee_scalar.to_be_bytes());
        input.extend_from_slice(&self.sequence_number.to_be_bytes());
        input.extend_from_slice(&self.timestamp.to_be_bytes());
        input.extend_from_slice(&self.number.to_be_bytes());
        input.extend_from_slice(&self.base_fee.to_be_bytes::<32>());
        input.extend_from_slice(&self.blob_base_fee.to_be_bytes::<32>());
        input.extend_from_slice(&[0; 64]);
        input.extend_from_slice(&self.operator_fee_scalar.to_be_bytes());
        input.extend_from_slice(&self.operator_fee_constant.to_be_bytes());
        if rules.is_jovian() {
            // daFootprintGasScalar: there is no such limit here.
            input.extend_from_slice(&[0; 2]);
        }
        input.extend_from_slice(&self.base_fee_parameters.gas_target().to_be_bytes());
        input.extend_from_slice(&self.base_fee_parameters.min_base_fee().to_be_bytes());
        TxDeposit {
            source_hash: l1_attributes_source_hash(l2_block),
            from: L1_ATTRIBUTES_DEPOSITOR,
            to: TxKind::Call(L1_BLOCK),
            mint: 0,
            value: U256::ZERO,
            gas_limit: L1_ATTRIBUTES_GAS,
            is_system_transaction: false,
            input: input.into(),
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn what_the_first_transaction_says_is_read_under_all_rules() {
        let attributes = L1Attributes {
            number: 1,
            timestamp: 2,
            base_fee: U256::from(3),
            blob_base_fee: U256::MAX,
            sequence_number: 5,
            base_fee_scalar: 6,
            blob_base_fee_scalar: u32::MAX,
            operator_fee_scalar: 8,
            operator_fee_constant: u64::MAX,
            base_fee_parameters: FeeParameters::new(10_000_000, 11),
        };
        for rules in Rules::ALL {
            let input = attributes.to_deposit(7, rules).input;
            assert_eq!(L1Attributes::decode_call(&input), Some(attributes));
            for length in 0..input.len() {
                assert_eq!(L1Attributes::decode_call(&input[..length]), None);
            }
            assert_eq!(L1Attributes::decode_call(&[&input[..], &[0]].concat()), None);
            assert_eq!(L1Attributes::decode_call(&[&[0], &input[1..]].concat()), None);
        }
    }
}
