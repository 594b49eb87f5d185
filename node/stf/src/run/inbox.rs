//! The inbox, read backwards from an accumulator.

use alloc::{collections::VecDeque, vec::Vec};
use alloy_primitives::B256;
use core::ops::Range;

use super::{
    BlockRunError, PreimageOracle,
    oracle::{read, read_chunks},
};
use crate::{
    ChainConfig,
    blob::{BLOB_ROOM, BlobPayload, MAX_BLOBS},
    codec::BlockSpec,
    config::{DEPOSIT_GAS_CAP, MIN_MESSAGE_GAS},
    derive::{MessageSource, block_specs, read_block_specs},
    inbox::{BatchHeader, DaKind, MAX_BLOCKS_PER_BATCH, MAX_PAYLOAD_SIZE, Message, MessageHeader},
};

/// Most messages that a block consumes.
const MAX_CONSUMED: usize = (DEPOSIT_GAS_CAP / MIN_MESSAGE_GAS) as usize;

/// A link of a hash chain: the accumulator before, and the hash of the header that it was extended by.
fn link<O: PreimageOracle>(oracle: &O, acc: &B256) -> Result<(B256, B256), BlockRunError> {
    let bytes = read(oracle, acc)?;
    if bytes.len() != 64 {
        return Err(BlockRunError::Malformed("link of a hash chain"));
    }
    Ok((B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..])))
}

/// The batch that holds a block, among those up to an accumulator.
pub(super) fn find_batch<O: PreimageOracle>(
    oracle: &O,
    mut acc: B256,
    block: u64,
) -> Result<BatchHeader, BlockRunError> {
    // Zero is where the chain of batches begins.
    while !acc.is_zero() {
        let (before, header) = link(oracle, &acc)?;
        let batch = BatchHeader::decode(&read(oracle, &header)?)?;
        if !(1..=MAX_BLOCKS_PER_BATCH).contains(&batch.block_count) {
            return Err(BlockRunError::Malformed("block count of a batch"));
        }
        if batch.contains(block) {
            return Ok(batch);
        }
        // Ranges follow on each other, so what this batch ends before, earlier ones do too.
        if block > batch.last_block() {
            break;
        }
        acc = before;
    }
    Err(BlockRunError::NotInBatches(block))
}

/// The specs of a batch's blocks. No more of the payload is read than it takes to decode it; nothing of one that is too long
/// to mean anything.
pub(super) fn specs<O: PreimageOracle>(
    oracle: &O,
    config: &ChainConfig,
    batch: &BatchHeader,
    wanted: Range<usize>,
) -> Result<Vec<Option<BlockSpec>>, BlockRunError> {
    let readable = (1..=MAX_PAYLOAD_SIZE as u64).contains(&batch.payload_length);
    match batch.da_kind {
        DaKind::Calldata if readable => {
            let payload = read_chunks(oracle, &batch.data_hash)?;
            if payload.len() as u64 != batch.payload_length {
                return Err(BlockRunError::Malformed("payload"));
            }
            Ok(block_specs(config, batch, &payload, wanted))
        }
        DaKind::Blobs if readable => {
            let list = read(oracle, &batch.data_hash)?;
            let (hashes, []) = list.as_chunks::<32>() else {
                return Err(BlockRunError::Malformed("list of versioned hashes"));
            };
            if hashes.len() > MAX_BLOBS || batch.payload_length > (hashes.len() * BLOB_ROOM) as u64 {
                return Err(BlockRunError::Malformed("payload"));
            }
            let element = |blob: usize, index| Ok(oracle.blob_element(&B256::from(hashes[blob]), index)?);
            read_block_specs(config, batch, &mut BlobPayload::new(batch.payload_length, element), wanted)
        }
        DaKind::Calldata | DaKind::None | DaKind::Blobs => Ok(block_specs(config, batch, &[], wanted)),
    }
}

/// The message queue from a block's cursor up to a batch's `messageEnd`.
pub(super) struct OracleQueue<'a, O> {
    oracle: &'a O,
    cursor: u64,
    end: u64,
    end_acc: B256,
    /// For each message from the cursor on, as many as a block can consume: the accumulator after it, and the hash of
    /// its header. Empty until the first message is asked for.
    links: VecDeque<(B256, B256)>,
}

impl<'a, O: PreimageOracle> OracleQueue<'a, O> {
    pub(super) fn new(oracle: &'a O, cursor: u64, batch: &BatchHeader) -> Self {
        Self { oracle, cursor, end: batch.message_end, end_acc: batch.message_acc, links: VecDeque::new() }
    }

    /// Walks back from the end to the cursor.
    fn walk(&mut self) -> Result<(), BlockRunError> {
        let mut acc = self.end_acc;
        for _ in self.cursor..self.end {
            let (before, header) = link(self.oracle, &acc)?;
            self.links.push_front((acc, header));
            self.links.truncate(MAX_CONSUMED);
            acc = before;
        }
        Ok(())
    }
}

impl<O: PreimageOracle> MessageSource for OracleQueue<'_, O> {
    type Error = BlockRunError;

    fn message(&mut self, index: u64) -> Result<Message, BlockRunError> {
        if self.links.is_empty() {
            self.walk()?;
        }
        let position = index.checked_sub(self.cursor).and_then(|position| usize::try_from(position).ok());
        let link = position.and_then(|position| self.links.get(position));
        let (acc, header) = link.copied().ok_or(BlockRunError::Malformed("message index"))?;
        let header = MessageHeader::decode(&read(self.oracle, &header)?)?;
        let data = read_chunks(self.oracle, &header.data_hash)?;
        Ok(Message { header, data, acc })
    }
}
