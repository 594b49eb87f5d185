//! Where a run starts.

use alloy_primitives::{B256, keccak256};

use super::BlockRunError;
use crate::inbox::be_u64;

/// All that a dispute over one block agrees on. Its hash enters the fault proof VM in four registers.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 32 | agreed output root |
/// | 32 | 8 | number of the block, big-endian |
/// | 40 | 32 | pinned batchAcc |
/// | 72 | 32 | hash of the chain config |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootInfo {
    /// Output root of the block before.
    pub agreed_output: B256,
    /// Number of the block to compute.
    pub block: u64,
    /// The batch accumulator that the dispute is pinned to: what came to the inbox later does not count.
    pub batch_acc: B256,
    /// [`ChainConfig::hash`](crate::ChainConfig::hash).
    pub config_hash: B256,
}

impl BootInfo {
    /// Length of the packed boot info.
    pub const SIZE: usize = 104;

    /// The packed boot info.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..32].copy_from_slice(self.agreed_output.as_slice());
        out[32..40].copy_from_slice(&self.block.to_be_bytes());
        out[40..72].copy_from_slice(self.batch_acc.as_slice());
        out[72..].copy_from_slice(self.config_hash.as_slice());
        out
    }

    /// Reads a packed boot info.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockRunError> {
        if bytes.len() != Self::SIZE {
            return Err(BlockRunError::Malformed("boot"));
        }
        Ok(Self {
            agreed_output: B256::from_slice(&bytes[..32]),
            block: be_u64(bytes, 32),
            batch_acc: B256::from_slice(&bytes[40..72]),
            config_hash: B256::from_slice(&bytes[72..]),
        })
    }

    /// `bootHash`: keccak256 of the packed boot info.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }
}

/// What an output root commits to (see [`output_root`](crate::output_root)).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 32 | version: zero |
/// | 32 | 32 | state root |
/// | 64 | 32 | storage root of the `L2ToL1MessagePasser` |
/// | 96 | 32 | block hash |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedOutput {
    /// The block's state root.
    pub state_root: B256,
    /// The root that withdrawals are proven against.
    pub message_passer_root: B256,
    /// The block's hash.
    pub block_hash: B256,
}

impl AgreedOutput {
    /// Length of the preimage of an output root.
    pub const SIZE: usize = 128;

    /// The preimage of an output root.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[32..64].copy_from_slice(self.state_root.as_slice());
        out[64..96].copy_from_slice(self.message_passer_root.as_slice());
        out[96..].copy_from_slice(self.block_hash.as_slice());
        out
    }

    /// Reads the preimage of an output root.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockRunError> {
        if bytes.len() != Self::SIZE || bytes[..32] != [0; 32] {
            return Err(BlockRunError::Malformed("output"));
        }
        Ok(Self {
            state_root: B256::from_slice(&bytes[32..64]),
            message_passer_root: B256::from_slice(&bytes[64..96]),
            block_hash: B256::from_slice(&bytes[96..]),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn boots_and_outputs_survive_packing() {
        let boot = BootInfo {
            agreed_output: B256::repeat_byte(1),
            block: 0x0203,
            batch_acc: B256::repeat_byte(4),
            config_hash: B256::repeat_byte(5),
        };
        let packed = boot.encode();
        assert_eq!(packed[32..40], [0, 0, 0, 0, 0, 0, 2, 3]);
        assert_eq!(BootInfo::decode(&packed).unwrap(), boot);
        assert!(BootInfo::decode(&packed[1..]).is_err());

        let output = AgreedOutput {
            state_root: B256::repeat_byte(1),
            message_passer_root: B256::repeat_byte(2),
            block_hash: B256::repeat_byte(3),
        };
        let mut packed = output.encode();
        assert_eq!(AgreedOutput::decode(&packed).unwrap(), output);
        assert!(AgreedOutput::decode(&packed[..127]).is_err());
        packed[31] = 1;
        assert!(AgreedOutput::decode(&packed).is_err());
    }
}
