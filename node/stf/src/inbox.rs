//! The inbox's hash chains: what the L1 `Inbox` contract commits to, byte for byte.
//!
//! Two accumulators order everything that enters the rollup: L1→L2 messages and batches. Both grow by
//! `acc[n+1] = keccak256(acc[n] ‖ keccak256(header))` from `acc[0] = 0`. The headers are packed big-endian
//! structures, laid out below as the contract packs them.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};

/// Bytes of payload or message data under one leaf hash. A chunk is what one preimage of a one-step proof
/// carries, so it stays far below the 24,576-byte preimage bound.
pub const CHUNK_SIZE: usize = 4096;

/// Largest payload of a batch, in bytes: six blobs' worth, and above what an L1 transaction can carry as calldata.
/// It bounds the guest's memory, and keeps the list of chunk hashes (192 × 32 bytes) below the preimage bound.
pub const MAX_PAYLOAD_SIZE: usize = 6 * 131_072;

/// Most blocks that a batch may span; the contract enforces it. It bounds what one garbage batch can make every
/// node execute (that many empty blocks).
pub const MAX_BLOCKS_PER_BATCH: u64 = 4096;

/// A packed header of the wrong length or with a field out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// A packed header must have exactly this many bytes.
    #[error("{what}: expected {expected} bytes, found {found}")]
    Length {
        /// Which structure was decoded.
        what: &'static str,
        /// Its fixed or minimum length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A byte (a version, a kind) that this code does not know.
    #[error("{what}: unknown value {found}")]
    Unknown {
        /// Which field was decoded.
        what: &'static str,
        /// The byte found.
        found: u8,
    },
    /// A deposit asks for more gas than it counts, or than any may.
    #[error("deposit asks for {limit} gas, at most {most} are possible")]
    DepositGas {
        /// Its gas limit.
        limit: u64,
        /// The most that it may ask for.
        most: u64,
    },
}

/// The version of the packed headers that this code reads and writes.
const VERSION: u8 = 1;

fn check_version(what: &'static str, found: u8) -> Result<(), InboxError> {
    if found == VERSION { Ok(()) } else { Err(InboxError::Unknown { what, found }) }
}

/// What a message of the queue means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// A report of the L1 block in which a batch was posted. Its data is empty.
    L1Info = 0,
    /// A user's deposit, from the portal.
    Deposit = 1,
    /// A change of a system parameter, from `SystemConfig`.
    Config = 2,
}

impl TryFrom<u8> for MessageKind {
    type Error = InboxError;

    fn try_from(byte: u8) -> Result<Self, InboxError> {
        match byte {
            0 => Ok(Self::L1Info),
            1 => Ok(Self::Deposit),
            2 => Ok(Self::Config),
            found => Err(InboxError::Unknown { what: "message kind", found }),
        }
    }
}

/// Header of a queue message.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | version of the format, 1 |
/// | 1 | 1 | kind |
/// | 2 | 20 | sender |
/// | 22 | 8 | l1BlockNumber |
/// | 30 | 8 | l1Timestamp |
/// | 38 | 8 | gas |
/// | 46 | 8 | gasEnd |
/// | 54 | 32 | baseFee |
/// | 86 | 32 | blobBaseFee |
/// | 118 | 32 | prevRandao |
/// | 150 | 32 | dataHash |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// What the message means.
    pub kind: MessageKind,
    /// L2 sender of a deposit (aliased if a contract sent it); the contract that appended it otherwise.
    pub sender: Address,
    /// Number of the L1 block that holds the message.
    pub l1_block_number: u64,
    /// Timestamp of that block, in seconds.
    pub l1_timestamp: u64,
    /// What the message counts against the gas that blocks have for messages: the gas limit of a deposit, at least
    /// 21,000; 21,000 of all else.
    pub gas: u64,
    /// What all messages up to and including this one count.
    pub gas_end: u64,
    /// Base fee of that block, in wei.
    pub base_fee: U256,
    /// Blob base fee of that block, in wei.
    pub blob_base_fee: U256,
    /// `prevrandao` of that block.
    pub prev_randao: B256,
    /// [`chunk_hash`] of the message's data.
    pub data_hash: B256,
}

impl MessageHeader {
    /// Length of the packed header.
    pub const SIZE: usize = 182;

    /// The packed header.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        (out[0], out[1]) = (VERSION, self.kind as u8);
        out[2..22].copy_from_slice(self.sender.as_slice());
        out[22..30].copy_from_slice(&self.l1_block_number.to_be_bytes());
        out[30..38].copy_from_slice(&self.l1_timestamp.to_be_bytes());
        out[38..46].copy_from_slice(&self.gas.to_be_bytes());
        out[46..54].copy_from_slice(&self.gas_end.to_be_bytes());
        out[54..86].copy_from_slice(&self.base_fee.to_be_bytes::<32>());
        out[86..118].copy_from_slice(&self.blob_base_fee.to_be_bytes::<32>());
        out[118..150].copy_from_slice(self.prev_randao.as_slice());
        out[150..182].copy_from_slice(self.data_hash.as_slice());
        out
    }

    /// Reads a packed header.
    pub fn decode(bytes: &[u8]) -> Result<Self, InboxError> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().map_err(|_| InboxError::Length {
            what: "message header",
            expected: Self::SIZE,
            found: bytes.len(),
        })?;
        check_version("version of a message header", bytes[0])?;
        Ok(Self {
            kind: bytes[1].try_into()?,
            sender: Address::from_slice(&bytes[2..22]),
            l1_block_number: be_u64(bytes, 22),
            l1_timestamp: be_u64(bytes, 30),
            gas: be_u64(bytes, 38),
            gas_end: be_u64(bytes, 46),
            base_fee: U256::from_be_slice(&bytes[54..86]),
            blob_base_fee: U256::from_be_slice(&bytes[86..118]),
            prev_randao: B256::from_slice(&bytes[118..150]),
            data_hash: B256::from_slice(&bytes[150..182]),
        })
    }
}

/// A queue message with its data and the accumulator after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The header that the accumulator commits to.
    pub header: MessageHeader,
    /// The data under the header's `data_hash`.
    pub data: Vec<u8>,
    /// `messageAcc` after this message.
    pub acc: B256,
}

/// Where the payload of a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DaKind {
    /// No payload: a forced batch, all of whose blocks are default blocks.
    None = 0,
    /// In the calldata of the transaction that posted the batch.
    Calldata = 1,
    /// In blobs.
    Blobs = 2,
}

impl TryFrom<u8> for DaKind {
    type Error = InboxError;

    fn try_from(byte: u8) -> Result<Self, InboxError> {
        match byte {
            0 => Ok(Self::None),
            1 => Ok(Self::Calldata),
            2 => Ok(Self::Blobs),
            found => Err(InboxError::Unknown { what: "da kind", found }),
        }
    }
}

/// Header of a batch.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | version of the format, 1 |
/// | 1 | 1 | daKind |
/// | 2 | 32 | dataHash |
/// | 34 | 8 | payloadLength |
/// | 42 | 8 | firstBlock |
/// | 50 | 8 | blockCount |
/// | 58 | 8 | messageEnd |
/// | 66 | 32 | messageAcc[messageEnd] |
/// | 98 | 8 | messageGasEnd |
/// | 106 | 8 | l1BlockNumber |
/// | 114 | 8 | l1Timestamp |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Where the payload stands.
    pub da_kind: DaKind,
    /// [`chunk_hash`] of the payload (calldata), or [`blobs_hash`](crate::blob::blobs_hash) of its blobs.
    pub data_hash: B256,
    /// Length of the payload in bytes.
    pub payload_length: u64,
    /// First L2 block of the batch.
    pub first_block: u64,
    /// Number of L2 blocks in it, 1 to [`MAX_BLOCKS_PER_BATCH`].
    pub block_count: u64,
    /// Queue index up to which its blocks consume messages: the message cursor after the last of them.
    pub message_end: u64,
    /// The message accumulator at `message_end`.
    pub message_acc: B256,
    /// What all messages before `message_end` count: the `gas_end` of the last of them, 0 for none.
    pub message_gas_end: u64,
    /// Number of the L1 block that holds the batch.
    pub l1_block_number: u64,
    /// Timestamp of that block, in seconds.
    pub l1_timestamp: u64,
}

impl BatchHeader {
    /// Length of the packed header.
    pub const SIZE: usize = 122;

    /// The packed header.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        (out[0], out[1]) = (VERSION, self.da_kind as u8);
        out[2..34].copy_from_slice(self.data_hash.as_slice());
        out[34..42].copy_from_slice(&self.payload_length.to_be_bytes());
        out[42..50].copy_from_slice(&self.first_block.to_be_bytes());
        out[50..58].copy_from_slice(&self.block_count.to_be_bytes());
        out[58..66].copy_from_slice(&self.message_end.to_be_bytes());
        out[66..98].copy_from_slice(self.message_acc.as_slice());
        out[98..106].copy_from_slice(&self.message_gas_end.to_be_bytes());
        out[106..114].copy_from_slice(&self.l1_block_number.to_be_bytes());
        out[114..122].copy_from_slice(&self.l1_timestamp.to_be_bytes());
        out
    }

    /// Reads a packed header.
    pub fn decode(bytes: &[u8]) -> Result<Self, InboxError> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().map_err(|_| InboxError::Length {
            what: "batch header",
            expected: Self::SIZE,
            found: bytes.len(),
        })?;
        check_version("version of a batch header", bytes[0])?;
        Ok(Self {
            da_kind: bytes[1].try_into()?,
            data_hash: B256::from_slice(&bytes[2..34]),
            payload_length: be_u64(bytes, 34),
            first_block: be_u64(bytes, 42),
            block_count: be_u64(bytes, 50),
            message_end: be_u64(bytes, 58),
            message_acc: B256::from_slice(&bytes[66..98]),
            message_gas_end: be_u64(bytes, 98),
            l1_block_number: be_u64(bytes, 106),
            l1_timestamp: be_u64(bytes, 114),
        })
    }

    /// Last L2 block of the batch. Saturates on a header that no contract would write.
    pub const fn last_block(&self) -> u64 {
        self.first_block.saturating_add(self.block_count.saturating_sub(1))
    }

    /// Whether the batch holds this L2 block.
    pub const fn contains(&self, block: u64) -> bool {
        block >= self.first_block && block <= self.last_block()
    }
}

/// The accumulator after one more header: `keccak256(acc ‖ keccak256(header))`.
pub fn accumulate(acc: B256, header: &[u8]) -> B256 {
    let mut buffer = [0; 64];
    buffer[..32].copy_from_slice(acc.as_slice());
    buffer[32..].copy_from_slice(keccak256(header).as_slice());
    keccak256(buffer)
}

/// The hash of payloads and message data: keccak256 over the concatenated keccak256 of its [`CHUNK_SIZE`]-byte
/// chunks, the last of which may be short. Of no data: `keccak256("")`.
pub fn chunk_hash(data: &[u8]) -> B256 {
    let mut hashes = Vec::with_capacity(data.len().div_ceil(CHUNK_SIZE) * 32);
    for chunk in data.chunks(CHUNK_SIZE) {
        hashes.extend_from_slice(keccak256(chunk).as_slice());
    }
    keccak256(&hashes)
}

/// Reads eight bytes at `at` as a big-endian number; the caller has checked the length.
pub(crate) fn be_u64(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message() -> MessageHeader {
        MessageHeader {
            kind: MessageKind::Deposit,
            sender: Address::repeat_byte(0x11),
            l1_block_number: 7,
            l1_timestamp: 1_700_000_000,
            gas: 100_000,
            gas_end: 0x0123_4567_89ab_cdef,
            base_fee: U256::from(9),
            blob_base_fee: U256::from(1),
            prev_randao: B256::repeat_byte(0x22),
            data_hash: chunk_hash(b"data"),
        }
    }

    #[test]
    fn headers_survive_packing() {
        let header = message();
        let packed = header.encode();
        assert_eq!(MessageHeader::decode(&packed).unwrap(), header);
        assert_eq!(packed[..3], [1, 1, 0x11]);
        assert_eq!(packed[43..55], [0x01, 0x86, 0xa0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0]);
        let batch = BatchHeader {
            da_kind: DaKind::Calldata,
            data_hash: B256::repeat_byte(1),
            payload_length: 2,
            first_block: 3,
            block_count: 4,
            message_end: 5,
            message_acc: B256::repeat_byte(6),
            message_gas_end: 7,
            l1_block_number: 8,
            l1_timestamp: 9,
        };
        let packed = batch.encode();
        assert_eq!(BatchHeader::decode(&packed).unwrap(), batch);
        assert_eq!(packed[..3], [1, 1, 1]);
        assert_eq!(packed[97..107], [6, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
        assert_eq!(packed[121], 9);
        assert!(batch.contains(3) && batch.contains(6) && !batch.contains(7) && !batch.contains(2));
    }

    #[test]
    fn wrong_length_version_and_kind_are_refused() {
        for length in [0, 165, 181, 183] {
            assert!(MessageHeader::decode(&vec![1; length]).is_err());
        }
        for length in [0, 113, 121, 123] {
            assert!(BatchHeader::decode(&vec![1; length]).is_err());
        }
        let mut bytes = message().encode();
        bytes[1] = 3;
        let unknown = |what, found| InboxError::Unknown { what, found };
        assert_eq!(MessageHeader::decode(&bytes), Err(unknown("message kind", 3)));
        bytes = message().encode();
        for version in [0, 2, 255] {
            bytes[0] = version;
            assert_eq!(MessageHeader::decode(&bytes), Err(unknown("version of a message header", version)));
            let batch = [[version; 1].as_slice(), &[1; 121]].concat();
            assert_eq!(BatchHeader::decode(&batch), Err(unknown("version of a batch header", version)));
        }
    }

    #[test]
    fn chunk_hash_splits_at_the_chunk_size() {
        assert_eq!(chunk_hash(&[]), keccak256([]));
        let data = [7u8; CHUNK_SIZE + 1];
        let expected =
            keccak256([keccak256(&data[..CHUNK_SIZE]).as_slice(), keccak256([7u8]).as_slice()].concat());
        assert_eq!(chunk_hash(&data), expected);
    }
}
