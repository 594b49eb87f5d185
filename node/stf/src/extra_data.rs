//! What a header's `extraData` holds: all that derivation carries from block to block outside the state.

use alloy_consensus::Header;
use alloy_primitives::Bytes;

use crate::inbox::be_u64;

/// Version of the format that this code reads and writes.
const VERSION: u8 = 1;

/// The `extraData` of a header, big-endian.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | version of the format, 1 |
/// | 1 | 8 | message cursor |
/// | 9 | 8 | gas of the messages before the cursor |
/// | 17 | 8 | excess gas |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtraData {
    /// The queue index after the block.
    pub message_cursor: u64,
    /// What all messages before the cursor count together: the `gasEnd` of the last of them, 0 for none.
    pub consumed_gas: u64,
    /// Excess gas of the block's base fee (see [`fees`](crate::fees)).
    pub excess_gas: u64,
}

impl ExtraData {
    /// Length of the packed fields.
    pub const SIZE: usize = 25;

    /// The packed fields.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[0] = VERSION;
        out[1..9].copy_from_slice(&self.message_cursor.to_be_bytes());
        out[9..17].copy_from_slice(&self.consumed_gas.to_be_bytes());
        out[17..].copy_from_slice(&self.excess_gas.to_be_bytes());
        out
    }

    /// Reads packed fields. `None` on another length or version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        (bytes[0] == VERSION).then(|| Self {
            message_cursor: be_u64(bytes, 1),
            consumed_gas: be_u64(bytes, 9),
            excess_gas: be_u64(bytes, 17),
        })
    }

    /// That of a header. A header of this chain always has it; `None` on any other.
    pub fn of(header: &Header) -> Option<Self> {
        Self::decode(&header.extra_data)
    }
}

impl From<ExtraData> for Bytes {
    fn from(extra: ExtraData) -> Self {
        Self::copy_from_slice(&extra.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_data_survives_packing_and_nothing_else_is_read() {
        let extra = ExtraData { message_cursor: 1, consumed_gas: 0x0203, excess_gas: u64::MAX };
        let packed = extra.encode();
        assert_eq!(packed[..18], [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 3, 0xff]);
        assert_eq!(ExtraData::decode(&packed), Some(extra));
        assert_eq!(ExtraData::decode(&packed[..24]), None);
        assert_eq!(ExtraData::decode(&[&packed[..], &[0]].concat()), None);
        assert_eq!(ExtraData::decode(&[&[2], &packed[1..]].concat()), None);
        assert_eq!(ExtraData::of(&Header::default()), None);
    }
}
